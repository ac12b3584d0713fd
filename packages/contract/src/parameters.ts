import {
  choiceParameter,
  lorasParameter,
  nameParameter,
  numberParameter,
  type ParameterFacts,
  requiredTextParameter,
  seedParameter,
  sizeParameter,
  textParameter,
  wholeNumberParameter,
} from './parameter-kinds.ts';
import { OUTPUT_FORMATS } from './picture-formats.ts';
import { PRESET_NAME, REFERENCE_SIZES, SPEEDS } from './presets.ts';

const TEXT = { maxLength: 10_000 } as const;
const SCALE = { min: 0, max: 100 } as const;
const SIDE = { min: 1, max: 4096 } as const;
const SIZE_HELP = 'size of the result; one alone: the other follows the last picture';
/** 32² to the square of the longest side. */
const AREA = { min: 32 * 32, max: SIDE.max ** 2 } as const;
/** Workers of earlier versions do not know the parameter. */
const SINCE_3 = { needs: () => 3 } as const;
const SINCE_4 = { needs: () => 4 } as const;

/**
 * Every parameter of an edit: type, range, the guide's default, its flag of the command and its control on the page. Names
 * are diffusers'. Schemas, flags, help, forms and the page's settings are made from this table.
 */
export const PARAMETERS = {
  prompt: requiredTextParameter({
    ...TEXT,
    cli: { flag: 'prompt', value: 'TEXT', help: 'what to change' },
    page: undefined,
  }),
  /** null means none: no classifier-free guidance. */
  negative_prompt: textParameter({
    ...TEXT,
    default: ' ',
    cli: {
      flag: 'negative-prompt',
      value: 'TEXT',
      help: 'what to keep away from',
      none: { flag: 'no-negative-prompt', help: 'no guidance by a negative prompt' },
    },
    page: { position: 9 },
  }),
  num_inference_steps: wholeNumberParameter({
    min: 1,
    max: 100,
    default: 40,
    recommendedByModel: true,
    cli: { flag: 'steps', value: 'N', help: '1 to 100' },
    page: { position: 1, slider: { min: 10, max: 80, step: 1 } },
  }),
  true_cfg_scale: numberParameter({
    ...SCALE,
    default: 4,
    recommendedByModel: true,
    cli: { flag: 'true-cfg-scale', value: 'X', help: 'strength of the guidance' },
    page: { position: 3, slider: { min: 1, max: 8, step: 0.1 } },
  }),
  /** The model is not guidance-distilled. */
  guidance_scale: numberParameter({
    ...SCALE,
    default: 1,
    noEffect: true,
    cli: { flag: 'guidance-scale', value: 'X', help: 'accepted and without effect on this model' },
    page: { position: 4, slider: { min: 0.5, max: 3, step: 0.1 } },
  }),
  seed: seedParameter({
    default: '0',
    cli: { flag: 'seed', value: 'N', help: '0 to 18446744073709551615, or -1 to draw one' },
    page: { position: 2 },
  }),
  num_images_per_prompt: wholeNumberParameter({
    min: 1,
    max: 8,
    default: 1,
    cli: { flag: 'num-images', value: 'N', help: 'results for one prompt' },
    page: { position: 6, slider: { min: 1, max: 8, step: 1 } },
  }),
  /** Longest side of each reference picture in pixels before all else, 0 = as it is. It limits neither the output nor the work. */
  max_side: wholeNumberParameter({
    min: 0,
    max: 16_384,
    default: 768,
    cli: {
      flag: 'max-side',
      value: 'N',
      help: 'longest side of each picture that the model sees, 0 = as it is',
    },
    page: { position: 5, slider: { min: 0, max: 2048, step: 64 } },
  }),
  /** Output pixels, floored to multiples of 2 × the VAE's factor. The page shows all that is said of the result's size in one control. */
  height: wholeNumberParameter({ ...SIDE, cli: { flag: 'height', value: 'H', help: SIZE_HELP }, page: undefined }),
  width: wholeNumberParameter({ ...SIDE, cli: { flag: 'width', value: 'W', help: SIZE_HELP }, page: { position: 0 } }),
  /** Both sides in one text, or `auto`, which asks for nothing. How the parameters of sizes go together: docs/sizes.md. */
  size: sizeParameter({
    ...SIDE,
    ...SINCE_3,
    default: 'auto',
    cli: { flag: 'size', value: 'WxH', help: 'both sides of the result, as 1024x768, or auto' },
    page: undefined,
  }),
  /** Pixels of a result whose sides are not asked for. The page's control of the result's size has it. */
  output_area: wholeNumberParameter({
    ...AREA,
    ...SINCE_3,
    cli: {
      flag: 'output-area',
      value: 'N',
      help: "pixels of the result if no side is given; else the model's own",
    },
    page: undefined,
  }),
  /** `model`: as the checkpoint says, else diffusers' area. `output`: the result's size. */
  reference_size: choiceParameter({
    ...SINCE_3,
    choices: REFERENCE_SIZES,
    default: 'model',
    cli: {
      flag: 'reference-size',
      value: 'WORD',
      help: "size of the references: model, the model's own, or output, the result's",
    },
    page: { position: 8, advanced: true },
  }),
  /** Values under a name, for what the request does not say itself: those of COMMON_PRESETS, and the model's own. */
  preset: nameParameter({
    pattern: PRESET_NAME,
    needs: (value) => (value === 'draft' ? 3 : 4),
    cli: {
      flag: 'preset',
      value: 'NAME',
      help: 'standard, draft (about 512 x 512, references too), or one of the model, as lightning-4',
    },
    page: { position: -1 },
  }),
  /** Added to the model's weights. What a service allows, whoever runs it says. */
  lora: lorasParameter({
    ...SINCE_4,
    cli: {
      flag: 'lora',
      value: 'PLACE[@SCALE]',
      help: 'a LoRA: its name, a .safetensors file, or owner/name of the hub; may be repeated',
    },
    page: { position: 10, advanced: true },
  }),
  /** Steps that change little are foreseen from those before instead of computed. */
  speed: choiceParameter({
    ...SINCE_4,
    choices: SPEEDS,
    default: 'exact',
    cli: {
      flag: 'speed',
      value: 'WORD',
      help: 'exact, balanced or fast: how many steps may be foreseen instead of computed',
    },
    page: { position: 11, advanced: true },
  }),
  /** The command takes it from the ending of --out, or from --format. */
  output_format: choiceParameter({ choices: OUTPUT_FORMATS, default: 'png', cli: undefined, page: { position: 7 } }),
} as const satisfies Record<string, ParameterFacts>;

type Table = typeof PARAMETERS;
export type ParameterName = keyof Table;
type NameOfKind<Kind> = { [N in ParameterName]: Table[N]['kind'] extends Kind ? N : never }[ParameterName];

/** Parameters that are numbers in JSON. */
export type NumberName = NameOfKind<'whole_number' | 'number'>;
/** Parameters that are one word of a list. */
export type ChoiceName = NameOfKind<'choice'>;
/** Numbers that the page sets by a slider. */
export type SliderName = {
  [N in NumberName]: Table[N]['page'] extends { slider: unknown } ? N : never;
}[NumberName];

/** Parameters with a control of their own on the page. */
export type ShownName = { [N in ParameterName]: Table[N]['page'] extends undefined ? never : N }[ParameterName];

const ROWS: Readonly<Record<ParameterName, ParameterFacts>> = PARAMETERS;

/** The row of a parameter, for code that handles all of them alike. */
export const parameterFacts = (name: ParameterName): ParameterFacts => ROWS[name];

export const isParameterName = (name: string): name is ParameterName => Object.hasOwn(PARAMETERS, name);
const isNumberName = (name: ParameterName): name is NumberName =>
  ROWS[name].kind === 'whole_number' || ROWS[name].kind === 'number';
export const isChoiceName = (name: ParameterName): name is ChoiceName => ROWS[name].kind === 'choice';
export const isSliderName = (name: ParameterName): name is SliderName => ROWS[name].page?.slider !== undefined;

export const isShownName = (name: ParameterName): name is ShownName => ROWS[name].page !== undefined;

/** The names of all parameters, in the order of the table. */
export const PARAMETER_NAMES: readonly ParameterName[] = Object.keys(PARAMETERS).filter(isParameterName);
export const NUMBER_NAMES: readonly NumberName[] = PARAMETER_NAMES.filter(isNumberName);
export const CHOICE_NAMES: readonly ChoiceName[] = PARAMETER_NAMES.filter(isChoiceName);

/** Values of the guide, used if neither the request nor the checkpoint's edit_config.json says otherwise. */
export const GUIDE_DEFAULTS = defaultsOf(PARAMETERS);

type Defaults<T> = { readonly [N in keyof T as T[N] extends { default: unknown } ? N : never]: DefaultOf<T[N]> };
type DefaultOf<Row> = Row extends { default: infer D } ? D : never;

function defaultsOf<T extends Record<string, ParameterFacts>>(table: T): Defaults<T>;
function defaultsOf(table: Record<string, ParameterFacts>): Record<string, unknown> {
  const said = Object.entries(table).filter(([, facts]) => facts.default !== undefined);
  return Object.fromEntries(said.map(([name, facts]) => [name, facts.default]));
}
