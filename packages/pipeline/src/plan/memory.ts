import {
  type MemoryPlan,
  type MemoryVerdict,
  type ModelShape,
  type PlanStage,
  type PrecisionName,
  precisionObstacle,
} from '@qwen-edit/contract';
import { deviceNamed } from '../engine/devices.ts';
import type { Residency } from '../engine/model.ts';
import { precisionNamed } from '../engine/precision.ts';
import { tilesMore } from '../engine/vae-tiling.ts';
import { arrayObstacle } from './array-obstacle.ts';
import { editNeeds, type MemoryOptions } from './edit-needs.ts';
import { hostBytes } from './host-memory.ts';
import type { NetworkWeights } from './network-weights.ts';
import { type EditNeeds, holdsAll, planResidency, STAGES, stageWeights } from './residency.ts';
import { fitsBytes, leastBytes, segmentBytesFor } from './segment-size.ts';
import type { PlannedEdit } from './sequence.ts';

/**
 * What an edit needs of memory, stage by stage, what is held in the memory there is, and whether it is enough. The stages come one after
 * the other, so that the largest decides. Of a device with memory of its own it is that memory.
 */
export function planMemory(
  shape: ModelShape,
  edit: PlannedEdit,
  asked: MemoryOptions,
): Omit<MemoryPlan, 'alternatives'> {
  const { device, precision, memoryBytes } = asked;
  const options = withSegments(shape, asked);
  const { ownMemory } = deviceNamed(device);
  const needs = editNeeds(shape, edit, options);
  const residency = planResidency(needs, memoryBytes);
  const stages = planStages(needs, residency, !ownMemory);
  const fits = fitsBytes(shape, edit, asked);
  const least = Math.min(fits, leastBytes(shape, edit, asked));
  const leastOfEngine = Math.min(fits, leastBytes(shape, edit, options));
  const obstacle = arrayObstacle(needs);
  const whole = holdsAll(needs, residency.transformer);
  const denoise = stageWeights(needs, residency, 'denoise');
  return {
    device,
    precision,
    obstacle: precisionObstacle(precision, device) ?? obstacle ?? null,
    stages,
    residency: residencyFacts(needs, residency),
    peak_bytes: Math.max(...stages.map(({ total_bytes }) => total_bytes)),
    fits_bytes: Math.ceil(fits),
    least_bytes: Math.ceil(least),
    memory_bytes: memoryBytes ?? null,
    host_bytes: ownMemory ? Math.ceil(hostBytes(shape, edit, { needs, residency, on: options })) : null,
    tiled: [edit.size, ...edit.references].some((size) => tilesMore(size, needs.untiledArea)),
    verdict: obstacle === undefined ? verdictOf(memoryBytes, leastOfEngine, whole) : 'too_large',
    disk_bytes_a_step: Math.ceil(edit.numImages * denoise.streamed),
    prepared_bytes: Math.ceil(preparedBytes(needs, precision)),
  };
}

/**
 * The residency of an edit, for the engine. Of devices that share the segments, each has its part of them: if not all can be held, no more are
 * than one device has room for, since the first ones are on the first device.
 */
export function residencyOf(shape: ModelShape, edit: PlannedEdit, asked: MemoryOptions): Residency {
  const { devices = 1, memoryBytes } = asked;
  const options = withSegments(shape, asked);
  const needs = editNeeds(shape, edit, options);
  const residency = planResidency(needs, memoryBytes);
  if (devices === 1 || memoryBytes === undefined || holdsAll(needs, residency.transformer)) return residency;
  const one = { ...options, devices: 1, memoryBytes: memoryBytes / devices };
  return planResidency(editNeeds(shape, edit, one), one.memoryBytes);
}

function withSegments(shape: ModelShape, options: MemoryOptions): MemoryOptions {
  return { ...options, segmentBytes: options.segmentBytes ?? segmentBytesFor(shape, options) };
}

function planStages(needs: EditNeeds, residency: Residency, mapped: boolean): PlanStage[] {
  const stage = (
    name: PlanStage['stage'],
    activations: number,
    weights?: ReturnType<typeof stageWeights>,
  ): PlanStage => {
    const { held, streamed, segment, sessions, workspace } = weights ?? NO_WEIGHTS;
    const kept = needs.process + sessions * needs.session + workspace;
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

const NO_WEIGHTS = { held: 0, streamed: 0, segment: 0, sessions: 0, workspace: 0 };

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

/** Blocks of the transformer are stored twice for a processor: as they are, and as they are laid out for it. */
function preparedBytes({ weights: { transformer, language }, laysOut }: EditNeeds, precision: PrecisionName): number {
  if (!laysOut) return transformer.prepared + language.prepared;
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
