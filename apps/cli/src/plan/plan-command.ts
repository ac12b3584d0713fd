import { availableParallelism } from 'node:os';
import {
  AppError,
  costOf,
  DEVICE_NAMES,
  type DeviceName,
  didYouMean,
  type EstimatedModel,
  LIMITS,
  nearestOf,
  offeredPresets,
  parsePrecision,
  precisionObstacle,
  REFERENCE_SIZES,
  type ReferenceSize,
  toAppError,
} from '@qwen-edit/contract';
import {
  availableMemory,
  deviceNamed,
  estimateEdit,
  inspectModel,
  KNOWN_MODELS,
  knownModelPresets,
  knownModelShape,
} from '@qwen-edit/pipeline';
import { memoryOfEdits } from '../engine-share.ts';
import { readFlags } from '../flag-values.ts';
import { PLAN_HELP } from '../help.ts';
import { chooseModel, explainMissing, findChosen, requireChosen } from '../model/choose-model.ts';
import { type HubConfig, hubSettings } from '../model/hub-settings.ts';
import { wholeNumber } from '../numbers.ts';
import { usablePrecision } from '../precision-setting.ts';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { byteSize } from './byte-size.ts';
import { planText } from './plan-text.ts';

const OPTIONS = {
  model: { type: 'string' },
  precision: { type: 'string' },
  device: { type: 'string' },
  memory: { type: 'string' },
  size: { type: 'string' },
  preset: { type: 'string' },
  references: { type: 'string' },
  'reference-size': { type: 'string' },
  steps: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface PlanDeps {
  readonly terminal: Terminal;
  readonly config: Pick<Config, 'model' | 'modelDir' | 'dtype' | 'maxCpuThreads' | 'maxMemoryBytes'> & HubConfig;
  /** The folder of the model that an empty --model means. */
  readonly demoModelDir: string;
}

const USUAL_PICTURE = { width: 1024, height: 1024 };

/**
 * `qwen-edit plan memory`. Returns the exit code: 0 if the edit fits or nobody knows how much memory there is, 1 if it does not.
 * Throws AppError `usage` or `invalid_parameter`, and what inspectModel throws.
 */
export async function planCommand(
  args: readonly string[],
  { terminal, config, demoModelDir }: PlanDeps,
): Promise<number> {
  const { values, words } = readFlags(args, OPTIONS, 1);
  const [what] = words;
  if (values.help === true) {
    terminal.out(PLAN_HELP);
    return 0;
  }
  if (what !== 'memory')
    throw new AppError(
      'usage',
      what === undefined ? 'Say what to plan: memory.' : `There is no plan '${what}', but memory.`,
    );
  const device = deviceOf(values.device);
  const { ownMemory } = deviceNamed(device);
  const precision = values.precision === undefined ? usablePrecision(config, device) : parsePrecision(values.precision);
  const obstacle = precisionObstacle(precision, device);
  if (obstacle !== undefined) throw new AppError('invalid_parameter', obstacle);
  const { name, model } = await modelOf(values.model, config, demoModelDir);
  const references = wholeNumber('--references', values.references) ?? 1;
  if (references < 1 || references > LIMITS.images)
    throw new AppError('usage', `--references must be 1 to ${LIMITS.images}, got ${references}.`);
  const said = values.memory === undefined ? undefined : byteSize('--memory', values.memory);
  const machine = {
    memory_bytes: (ownMemory ? undefined : said) ?? memoryOfEdits(config, await availableMemory()),
    // Of a card only the flag tells.
    ...(ownMemory && said !== undefined ? { device_memory_bytes: said } : {}),
    threads: config.maxCpuThreads ?? availableParallelism(),
  };
  const pictures = Array.from({ length: references }, () => USUAL_PICTURE);
  const known = { ...model, device, precision, machine };
  const parameters = {
    ...{ ...sizeOf(values.size), ...presetOf(values.preset, model) },
    ...{ ...referenceSizeOf(values['reference-size']), ...stepsOf(values.steps) },
  };
  const estimate = estimateEdit(known, pictures, costOf(parameters));
  const plan = estimate.memory;
  if (plan === null) throw new AppError('internal', 'The model has no shape.');
  terminal.out(
    values.json === true
      ? `${JSON.stringify({ model: name, ...estimate })}\n`
      : planText({ model: name, estimate, memory: plan }),
  );
  return plan.verdict === 'fits' || plan.verdict === 'unknown' ? 0 : 1;
}

interface NamedModel {
  readonly name: string;
  readonly model: EstimatedModel;
}

/**
 * The model that the command or the settings name, else the one that all of this is about. A known one need not be downloaded.
 * Throws AppError `model_not_found`.
 */
async function modelOf(
  flag: string | undefined,
  config: PlanDeps['config'],
  demoModelDir: string,
): Promise<NamedModel> {
  const isNamed = (flag ?? config.model ?? config.modelDir) !== undefined;
  const chosen = await chooseModel({ flag: isNamed ? flag : KNOWN_MODELS[0], config, demoModelDir });
  const hub = await hubSettings(config);
  const dir = await findChosen(chosen, hub);
  const name = chosen.kind === 'hub' ? chosen.ref.repo : chosen.dir;
  const shape = dir === undefined ? knownModelShape(name) : undefined;
  if (shape !== undefined) return { name, model: { shape, presets: knownModelPresets(name) } };
  try {
    return { name, model: await inspectModel(await requireChosen(chosen, hub)) };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (chosen.kind === 'folder') throw await explainMissing(error, chosen);
    throw new AppError(error.code, error.message, {
      hint: `${error.hint} Without a download, these can be planned: ${KNOWN_MODELS.join(', ')}.`,
      cause: error,
    });
  }
}

function deviceOf(name = 'cpu'): DeviceName {
  const device = DEVICE_NAMES.find((each) => each === name);
  if (device !== undefined) return device;
  const meant = didYouMean(nearestOf(name, DEVICE_NAMES));
  throw new AppError('usage', `--device must be one of ${DEVICE_NAMES.join(', ')}, got '${name}'.${meant}`);
}

function presetOf(said: string | undefined, { presets }: EstimatedModel): { readonly preset?: string } {
  if (said === undefined) return {};
  const names = offeredPresets(presets).map(({ name }) => name);
  if (names.includes(said)) return { preset: said };
  const meant = didYouMean(nearestOf(said, names));
  throw new AppError('usage', `--preset must be one of ${names.join(', ')} with this model, got '${said}'.${meant}`);
}

function referenceSizeOf(said: string | undefined): { readonly reference_size?: ReferenceSize } {
  if (said === undefined) return {};
  const reference_size = REFERENCE_SIZES.find((each) => each === said);
  if (reference_size !== undefined) return { reference_size };
  throw new AppError('usage', `--reference-size must be one of ${REFERENCE_SIZES.join(', ')}, got '${said}'.`);
}

function stepsOf(said: string | undefined): { readonly num_inference_steps?: number } {
  const num_inference_steps = wholeNumber('--steps', said);
  if (num_inference_steps === undefined) return {};
  if (num_inference_steps < 1 || num_inference_steps > LIMITS.inferenceSteps)
    throw new AppError('usage', `--steps must be 1 to ${LIMITS.inferenceSteps}, got ${num_inference_steps}.`);
  return { num_inference_steps };
}

function sizeOf(said: string | undefined): { readonly width?: number; readonly height?: number } {
  if (said === undefined) return {};
  const [, width, height] = /^(\d{1,5})[x×](\d{1,5})$/i.exec(said) ?? [];
  const [w, h] = [Number(width), Number(height)];
  if (!(w >= 1 && h >= 1 && w <= LIMITS.side && h <= LIMITS.side))
    throw new AppError('usage', `--size must be WIDTHxHEIGHT with sides up to ${LIMITS.side}, got '${said}'.`);
  return { width: w, height: h };
}
