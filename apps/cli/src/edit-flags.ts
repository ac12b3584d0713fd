import { AppError, type EditParametersInput } from '@qwen-edit/contract';
import { type EngineDevices, parseEngine } from './devices/parse-engines.ts';
import { readFlags } from './flag-values.ts';
import { outputFormatOf } from './output-paths.ts';
import { PARAMETER_OPTIONS, parametersOfFlags } from './parameter-flags.ts';
import { imagePathsOf } from './read-images.ts';

const OPTIONS = {
  model: { type: 'string' },
  image: { type: 'string', multiple: true },
  ...PARAMETER_OPTIONS,
  precision: { type: 'string' },
  device: { type: 'string' },
  out: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The flags of `qwen-edit edit`, parsed. A parameter without a flag is left out: the checkpoint or the guide fills it. */
export interface EditFlags {
  readonly help: boolean;
  readonly json: boolean;
  readonly model: string | undefined;
  readonly images: readonly string[];
  readonly parameters: EditParametersInput;
  /** The pipeline knows which there are, and refuses others. */
  readonly precision: string | undefined;
  /** More than one: the engine is spread over them. */
  readonly device: EngineDevices | undefined;
  readonly out: string;
}

/** True if --json is given. The other flags may be wrong: their error is printed as JSON too. */
export function wantsJson(args: readonly string[]): boolean {
  return args.includes('--json');
}

/** Parses the flags. Throws AppError `usage`, `invalid_parameter`, `prompt_empty` or `prompt_too_long`. */
export function parseEditFlags(args: readonly string[]): EditFlags {
  const { values } = readFlags(args, OPTIONS);
  if (values.help === true)
    return {
      help: true,
      json: false,
      model: undefined,
      images: [],
      parameters: { prompt: '' },
      precision: undefined,
      device: undefined,
      out: '',
    };
  const images = imagePathsOf(values.image);
  if (values.prompt === undefined) throw new AppError('usage', '--prompt is missing.');
  if (values.out === undefined) throw new AppError('usage', '--out is missing.');
  return {
    help: false,
    json: values.json ?? false,
    model: values.model,
    images,
    parameters: parametersOfFlags(values, outputFormatOf(values.out)),
    precision: values.precision,
    device: values.device === undefined ? undefined : parseEngine(values.device),
    out: values.out,
  };
}
