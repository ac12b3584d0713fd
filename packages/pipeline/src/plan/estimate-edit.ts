import {
  type CostParameters,
  DEVICE_NAMES,
  type DeviceName,
  type EditEstimate,
  type EstimatedModel,
  type EstimatedSeconds,
  editSizes,
  isMuchFaster,
  isSlow,
  LIMITS,
  type ModelCapacity,
  type ModelEstimate,
  maxSideWarning,
  type PastEdit,
  PRECISION_NAMES,
  type PrecisionName,
  type Size,
  slowEditWarning,
  tilesWarning,
  toAppError,
} from '@qwen-edit/contract';
import { deviceNamed } from '../engine/devices.ts';
import { largestSide, planWithAlternatives } from './alternatives.ts';
import { editSeconds, type FinishedEdit } from './edit-seconds.ts';
import { editFlops } from './flops.ts';
import { draftParameters, plannedEdit } from './planned-edit.ts';
import { type PlannedEdit, sequenceOf } from './sequence.ts';

/** Of `cuda:1` it is `cuda`. */
const knownDevice = (name = ''): DeviceName => DEVICE_NAMES.find((each) => each === /^[a-z]+/.exec(name)?.[0]) ?? 'cpu';
const knownPrecision = (name: string | undefined): PrecisionName =>
  PRECISION_NAMES.find((each) => each === name) ?? 'fp32';

/**
 * What an edit will need and take: sizes, tokens, operations, memory and seconds. Throws AppError `invalid_parameter` or `image_ratio`
 * for sizes that the model does not make.
 *
 * @example
 * const { seconds } = estimateEdit(facts, [{ width: 1200, height: 900 }], { num_inference_steps: 20 });
 */
export function estimateEdit(
  model: EstimatedModel,
  pictures: readonly Size[],
  parameters: CostParameters,
  past: readonly PastEdit[] = [],
): EditEstimate {
  const edit = plannedEdit(model, pictures, parameters);
  const known = {
    device: model.device ?? 'cpu',
    precision: model.precision ?? null,
    result: edit.size,
    references: [...edit.references],
    num_inference_steps: edit.steps,
    passes: edit.guidance ? 2 : 1,
  };
  const { shape } = model;
  if (shape === undefined)
    return { ...known, tokens: null, flops: null, memory: null, seconds: null, draft: null, warnings: [] };
  const { target, references, text } = sequenceOf(shape, edit);
  const finished = past.flatMap((each) => finishedEdit(model, each));
  const by = { finished, threads: model.machine?.threads ?? 1, ...deviceNamed(knownDevice(model.device)) };
  const seconds = editSeconds(shape, edit, by);
  // Sizes that no draft can have are no reason to refuse the edit.
  const drafted = plannedIfPossible(model, pictures, draftParameters(parameters)) ?? edit;
  const draft = draftFor(known.device, drafted, seconds, editSeconds(shape, drafted, by));
  const memory = planWithAlternatives(shape, edit, drafted, {
    device: knownDevice(model.device),
    precision: knownPrecision(model.precision),
    memoryBytes: memoryOf(model),
  });
  const warning = slowEditWarning({ device: known.device, seconds, draft });
  return {
    ...known,
    tokens: { target, references, text: Math.max(...text) },
    flops: editFlops(shape, edit, deviceNamed(knownDevice(model.device))),
    memory,
    seconds,
    draft,
    warnings: [
      ...maxSideWarning(parameters, editSizes(parameters, pictures, model), model),
      ...memoryWarnings(memory),
      ...(warning === undefined ? [] : [warning]),
    ],
  };
}

/** Of the device, if it has its own, else main memory. */
function memoryOf({ device, machine }: EstimatedModel): number | undefined {
  return deviceNamed(knownDevice(device)).ownMemory ? machine?.device_memory_bytes : machine?.memory_bytes;
}

/** A past edit whose parameters this version cannot read tells nothing. */
function finishedEdit(rules: EstimatedModel, { pictures, parameters, ...seconds }: PastEdit): readonly FinishedEdit[] {
  const edit = plannedIfPossible(rules, pictures, parameters);
  return edit === undefined ? [] : [{ edit, ...seconds }];
}

/** The same as plannedEdit; undefined for what it refuses. */
function plannedIfPossible(...asked: Parameters<typeof plannedEdit>): PlannedEdit | undefined {
  try {
    return plannedEdit(...asked);
  } catch (thrown) {
    if (toAppError(thrown).code === 'internal') throw thrown;
    return undefined;
  }
}

function draftFor(
  device: string,
  { size }: PlannedEdit,
  seconds: EstimatedSeconds,
  faster: EstimatedSeconds,
): ModelEstimate['draft'] {
  if (!isSlow({ device, seconds }) || !isMuchFaster(faster.median, seconds.median)) return null;
  return { result: size, seconds: faster };
}

function memoryWarnings({ verdict, alternatives, tiled }: NonNullable<ModelEstimate['memory']>): readonly string[] {
  const [first] = alternatives.filter(({ available }) => available);
  const instead = first === undefined ? '' : ` What would do: ${first.text}.`;
  if (verdict === 'too_large') return [`This edit needs more memory than its worker has.${instead}`];
  return [
    ...(verdict === 'streams'
      ? ['The model does not stay in the memory of its worker: its weights are read from disk in each step.']
      : []),
    ...tilesWarning(tiled),
  ];
}

const USUAL_PICTURE: Size = { width: 1024, height: 1024 };

/** What a loaded model can take, for GET /v1/models. */
export function capacityOf(model: EstimatedModel, past: readonly PastEdit[] = []): ModelCapacity {
  const { shape, machine } = model;
  const edit = plannedIfPossible(model, [USUAL_PICTURE], {});
  if (shape === undefined || edit === undefined) return { largest_output_area: null, usual_seconds: null };
  const side = largestSide(shape, edit, {
    device: knownDevice(model.device),
    precision: knownPrecision(model.precision),
    memoryBytes: memoryOf(model),
    mostSide: LIMITS.side,
  });
  const finished = past.flatMap((each) => finishedEdit(model, each));
  return {
    largest_output_area: machine === undefined || side === undefined ? null : side ** 2,
    usual_seconds: editSeconds(shape, edit, {
      ...{ finished, threads: machine?.threads ?? 1 },
      ...deviceNamed(knownDevice(model.device)),
    }),
  };
}
