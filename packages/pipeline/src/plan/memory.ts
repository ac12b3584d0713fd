import {
  type DeviceName,
  type MemoryPlan,
  type MemoryVerdict,
  type ModelShape,
  type PlanStage,
  type PrecisionName,
  precisionObstacle,
  type Size,
} from '@qwen-edit/contract';
import type { Residency } from '../engine/model.ts';
import { precisionNamed } from '../engine/precision.ts';
import { type ModelWeights, modelWeights, type NetworkWeights } from './network-weights.ts';
import { boundsOf, type EditNeeds, isWhole, planResidency, STAGES, stageWeights } from './residency.ts';
import { type PlannedEdit, type Sequence, sequenceOf, sum } from './sequence.ts';
import { decoderLayers, encoderLayers, type VaeLayer, vaeTiles } from './vae-layers.ts';

export interface MemoryOptions {
  readonly device: DeviceName;
  readonly precision: PrecisionName;
  /** What the engine may use; undefined if nobody knows. */
  readonly memoryBytes: number | undefined;
}

const MB = 1e6;
const F32 = 4;
const RGB = 3;
/** Node, ONNX Runtime and the picture library: anonymous memory, and pages of their own files. */
const PROCESS_BYTES = 170 * MB;
const SESSION_BYTES = 2 * MB;
/** What the first stage has of memory that is free and not given back: the allocator's, and the garbage collector's. */
const FIRST_SLACK_BYTES = 45 * MB;
/** The same of those behind it; and of the last one, which comes after many steps. */
const SLACK_BYTES = 170 * MB;
const LAST_SLACK_BYTES = 300 * MB;
/**
 * Arrays [tokens, width] that a transformer's layer has at its peak, with those that its caller holds and the allocator keeps. This and
 * the other figures were measured over ONNX Runtime 1.30; docs/plan.md has the measurements.
 */
const LIVE_ARRAYS = 14;
/** Copies of the VAE's kernels. */
const KERNEL_COPIES = 2.5;
/** Half-precision weights that are widened to fp32 at once, in sizes of the largest: two in a gated MLP. */
const WIDENED = { language: 2, vision: 2, transformer: 1.4, modulation: 1.1 } as const;
/** Shift, scale and gate of the attention and of the MLP, for each of two streams. */
const MODULATIONS = 12;

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
  const whole = isWhole(needs, residency.transformer);
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
  const sequence = sequenceOf(shape, edit);
  const weights = modelWeights(shape, precision);
  const modulations = modulationBytes(shape, edit.steps + 1);
  // With prepared weights they are in files, of which a step reads its own, and there are those of the references.
  const atOnce = weights.transformer.prepared > 0 ? modulationBytes(shape, 2) : modulations;
  return {
    weights,
    process: PROCESS_BYTES,
    session: SESSION_BYTES,
    opening: Math.max(kernelBytes(encoderLayers(shape.vae)), kernelBytes(decoderLayers(shape.vae))),
    activations: {
      encode_text: encodeBytes(shape, sequence, weights),
      encode_pictures: SLACK_BYTES + vaeBytes(encoderLayers(shape.vae), edit.references),
      modulate: SLACK_BYTES + modulations + widenedBytes(weights, 'modulation'),
      denoise: SLACK_BYTES + atOnce + denoiseBytes(shape, sequence, weights),
      decode: LAST_SLACK_BYTES + vaeBytes(decoderLayers(shape.vae), [edit.size]),
    },
    runs: edit.steps * edit.numImages * sequence.text.length,
    streams: device === 'cpu',
  };
}

/** Of so many steps, or of the references: 6 for the image stream and 6 for the text stream of each block. */
function modulationBytes({ transformer: { layers, hidden_size } }: ModelShape, steps: number): number {
  return MODULATIONS * steps * layers * hidden_size * F32;
}

function denoiseBytes(
  { transformer }: ModelShape,
  { target, references, text }: Sequence,
  weights: ModelWeights,
): number {
  const tokens = target + references + Math.max(...text);
  return LIVE_ARRAYS * tokens * transformer.hidden_size * F32 + widenedBytes(weights, 'transformer');
}

/** The language model's causal attention is composed of products, so that it holds all of its logits. */
function encodeBytes({ language, vision }: ModelShape, { read, patches }: Sequence, weights: ModelWeights): number {
  const length = Math.max(...read);
  const words =
    F32 * length * (LIVE_ARRAYS * language.hidden_size + 3 * language.intermediate_size + language.heads * length);
  const most = Math.max(0, ...patches);
  const window = (vision.window_size / vision.patch_size) ** 2;
  const pictures =
    F32 * most * (LIVE_ARRAYS * vision.hidden_size + 3 * vision.intermediate_size + vision.heads * window);
  return (
    FIRST_SLACK_BYTES + Math.max(words + widenedBytes(weights, 'language'), pictures + widenedBytes(weights, 'vision'))
  );
}

function widenedBytes(weights: ModelWeights, network: keyof ModelWeights): number {
  return WIDENED[network] * F32 * weights[network].widened;
}

/** The VAE's kernels in fp32: cut out of the weights, and laid out for the processor. It is opened in its stages only. */
function kernelBytes(layers: readonly VaeLayer[]): number {
  return KERNEL_COPIES * F32 * sum(layers.map((layer) => layer.from * layer.to * layer.kernel));
}

/** Kernels; feature maps of the widest layer, over the largest picture or tile; and that picture as it is given or made, twice. */
function vaeBytes(layers: readonly VaeLayer[], pictures: readonly Size[]): number {
  const pixels = Math.max(0, ...pictures.map(({ width, height }) => width * height));
  const places = Math.max(0, ...pictures.flatMap(vaeTiles).map(({ width, height }) => width * height));
  const widest = Math.max(...layers.map(({ from, to, held, downscale }) => (from + to + held) / downscale ** 2));
  return kernelBytes(layers) + F32 * (places * widest + 2 * RGB * pixels);
}
