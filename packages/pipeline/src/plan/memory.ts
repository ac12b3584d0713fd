import {
  type DeviceName,
  type MemoryPlan,
  type MemoryVerdict,
  type ModelShape,
  type PlanStage,
  type PrecisionName,
  precisionObstacle,
} from '@qwen-edit/contract';
import type { Residency } from '../engine/model.ts';
import { precisionNamed } from '../engine/precision.ts';
import { editActivations, openingBytes } from './activations.ts';
import { modelWeights, type NetworkWeights } from './network-weights.ts';
import { boundsOf, type EditNeeds, holdsAll, planResidency, STAGES, stageWeights } from './residency.ts';
import type { PlannedEdit } from './sequence.ts';

export interface MemoryOptions {
  readonly device: DeviceName;
  readonly precision: PrecisionName;
  /** What the engine may use; undefined if nobody knows. */
  readonly memoryBytes: number | undefined;
}

const MB = 1e6;
/** Node, ONNX Runtime and the picture library: anonymous memory, and pages of their own files. */
const PROCESS_BYTES = 170 * MB;
const SESSION_BYTES = 2 * MB;

/**
 * What an edit needs of memory, stage by stage, what is held in the memory there is, and whether it is enough. The stages come one after
 * the other, so that the largest decides.
 */
export function planMemory(
  shape: ModelShape,
  edit: PlannedEdit,
  options: MemoryOptions,
): Omit<MemoryPlan, 'alternatives'> {
  const { device, precision, memoryBytes } = options;
  const needs = editNeeds(shape, edit, options);
  const residency = planResidency(needs, memoryBytes);
  const stages = planStages(needs, residency, device);
  const { fits, least } = boundsOf(needs);
  const whole = holdsAll(needs, residency.transformer);
  const denoise = stageWeights(needs, residency, 'denoise');
  return {
    device,
    precision,
    obstacle: precisionObstacle(precision, device) ?? null,
    stages,
    residency: residencyFacts(needs, residency),
    peak_bytes: Math.max(...stages.map(({ total_bytes }) => total_bytes)),
    fits_bytes: Math.ceil(fits),
    least_bytes: Math.ceil(least),
    memory_bytes: memoryBytes ?? null,
    verdict: verdictOf(memoryBytes, least, whole),
    disk_bytes_a_step: Math.ceil(edit.numImages * denoise.streamed),
    prepared_bytes: Math.ceil(device === 'cpu' ? preparedBytes(needs, precision) : 0),
  };
}

/** The residency of an edit, for the engine. */
export function residencyOf(shape: ModelShape, edit: PlannedEdit, options: MemoryOptions): Residency {
  return planResidency(editNeeds(shape, edit, options), options.memoryBytes);
}

function planStages(needs: EditNeeds, residency: Residency, device: DeviceName): PlanStage[] {
  const mapped = device === 'cpu';
  const stage = (
    name: PlanStage['stage'],
    activations: number,
    weights?: ReturnType<typeof stageWeights>,
  ): PlanStage => {
    const { held, streamed, segment, sessions } = weights ?? { held: 0, streamed: 0, segment: 0, sessions: 0 };
    const kept = needs.process + sessions * needs.session;
    return {
      stage: name,
      held_bytes: Math.ceil(held),
      streamed_bytes: Math.ceil(streamed),
      segment_bytes: Math.ceil(segment),
      mapped,
      resident_bytes: Math.ceil(kept),
      activations_bytes: Math.ceil(activations),
      total_bytes: Math.ceil(held + segment + kept + activations),
    };
  };
  const computing = STAGES.map((name) => stage(name, needs.activations[name], stageWeights(needs, residency, name)));
  return [stage('load', needs.opening), ...computing];
}

function residencyFacts({ weights }: EditNeeds, residency: Residency): MemoryPlan['residency'] {
  const facts = ({ segments }: NetworkWeights, { held, stays, prepacks }: Residency['transformer']) => ({
    segments: segments.length,
    held: Math.min(held, segments.length),
    stays,
    prepacked: prepacks,
  });
  const { vision, language, transformer } = residency;
  return {
    vision: facts(weights.vision, vision),
    language: facts(weights.language, language),
    transformer: facts(weights.transformer, transformer),
  };
}

/** Blocks of the transformer are stored twice: as they are, and as they are laid out for the processor. */
function preparedBytes({ weights: { transformer, language } }: EditNeeds, precision: PrecisionName): number {
  const runs = precisionObstacle(precision, 'cpu') === undefined;
  const needsLayout = runs && precisionNamed(precision).preparation?.needsLayout === true;
  return 2 * transformer.prepared + (needsLayout ? 2 : 1) * language.prepared;
}

/** The text encoder is read once or twice an edit, the transformer in each step: it decides. */
function verdictOf(memory: number | undefined, least: number, whole: boolean): MemoryVerdict {
  if (memory === undefined) return 'unknown';
  if (least > memory) return 'too_large';
  return whole ? 'fits' : 'streams';
}

function editNeeds(shape: ModelShape, edit: PlannedEdit, { device, precision }: MemoryOptions): EditNeeds {
  const weights = modelWeights(shape, precision);
  return {
    weights,
    process: PROCESS_BYTES,
    session: SESSION_BYTES,
    opening: openingBytes(shape),
    activations: editActivations(shape, edit, weights),
    runs: edit.steps * edit.numImages * (edit.guidance ? 2 : 1),
    streams: device === 'cpu',
  };
}
