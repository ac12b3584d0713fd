import {
  type DeviceName,
  type MemoryPlan,
  type MemoryVerdict,
  type ModelShape,
  type PlanStage,
  type PrecisionName,
  precisionFacts,
  precisionObstacle,
  type Size,
  type WeightsShape,
} from '@qwen-edit/contract';
import { SEGMENT_BYTES } from '../engine/segment-chain.ts';
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
/** Node and ONNX Runtime: anonymous memory, and pages of their own files. */
const PROCESS_BYTES = 140 * MB;
const SESSION_BYTES = 2 * MB;
/** What the allocator keeps of freed memory. */
const SLACK_BYTES = 45 * MB;
/**
 * Arrays [tokens, width] that a transformer's layer has at its peak, with those that its caller holds and the allocator keeps. This and
 * the other figures were measured over ONNX Runtime 1.30; docs/plan.md has the measurements.
 */
const LIVE_ARRAYS = 14;
/** Copies of the VAE's kernels in fp32: cut out of the weights, and laid out for the processor. */
const KERNEL_COPIES = 2.5;
/** The largest half-precision weight that is widened to fp32, and what is left of the one before it. */
const WIDENED = 1.4;

/**
 * What an edit needs of memory, stage by stage, and whether it is there. On a CPU the weights of the transformer, the text encoder and
 * the vision tower are mapped: the system may drop their pages and read them again. The stages come one after the other, so that
 * the largest decides.
 */
export function planMemory(
  shape: ModelShape,
  edit: PlannedEdit,
  options: MemoryOptions,
): Omit<MemoryPlan, 'alternatives'> {
  const { device, precision, memoryBytes } = options;
  const sequence = sequenceOf(shape, edit);
  const bytesOf = (weights: WeightsShape): number => Math.ceil(weightBytes(weights, precision));
  const mapped = device === 'cpu';
  const kept = residentBytes(shape);
  const stage = (name: PlanStage['stage'], weights: number, activations: number): PlanStage => ({
    stage: name,
    weights_bytes: weights,
    mapped,
    resident_bytes: kept,
    activations_bytes: Math.ceil(activations),
    total_bytes: Math.ceil(weights + kept + activations),
  });
  const { transformer, language, vision } = shape;
  const stages = [
    stage('load', 0, 0),
    stage('encode_text', bytesOf(language.weights) + bytesOf(vision.weights), encodeBytes(shape, sequence)),
    stage('encode_pictures', 0, mapBytes(encoderLayers(shape.vae), edit.references)),
    stage('denoise', bytesOf(transformer.weights), denoiseBytes(shape, sequence)),
    stage('decode', 0, mapBytes(decoderLayers(shape.vae), [edit.size])),
  ];
  const peak = Math.max(...stages.map(({ total_bytes }) => total_bytes));
  const least = Math.max(...stages.map((each) => each.total_bytes - (mapped ? each.weights_bytes : 0)));
  const denoise = stages.find((each) => each.stage === 'denoise')?.total_bytes ?? peak;
  return {
    device,
    precision,
    obstacle: precisionObstacle(precision, device) ?? null,
    stages,
    peak_bytes: peak,
    least_bytes: least,
    memory_bytes: memoryBytes ?? null,
    verdict: verdictOf(memoryBytes, least, denoise),
    disk_bytes_a_step: edit.numImages * sequence.text.length * bytesOf(transformer.weights),
  };
}

/** The text encoder is read once or twice an edit, the transformer in each step: it decides. */
function verdictOf(memory: number | undefined, least: number, denoise: number): MemoryVerdict {
  if (memory === undefined) return 'unknown';
  if (least > memory) return 'too_large';
  return denoise > memory ? 'streams' : 'fits';
}

function weightBytes({ bytes, parameters }: WeightsShape, precision: PrecisionName): number {
  const { bytesPerWeight } = precisionFacts(precision);
  return bytesPerWeight === 'stored' ? bytes : parameters * bytesPerWeight;
}

/** What stays in the process over all stages: itself, its sessions, and the VAE, whose kernels are cut out and laid out anew. */
function residentBytes({ transformer, language, vision, vae }: ModelShape): number {
  const segments = ({ bytes }: WeightsShape, layers: number): number => {
    const inOne = Math.max(1, Math.floor(SEGMENT_BYTES / Math.max(1, bytes / layers)));
    return Math.ceil(layers / inOne);
  };
  const sessions =
    segments(transformer.weights, transformer.layers) +
    segments(language.weights, language.layers) +
    segments(vision.weights, vision.layers);
  const kernels = sum(
    [...encoderLayers(vae), ...decoderLayers(vae)].map((layer) => layer.from * layer.to * layer.kernel),
  );
  return Math.ceil(PROCESS_BYTES + sessions * SESSION_BYTES + KERNEL_COPIES * F32 * kernels);
}

function denoiseBytes({ transformer }: ModelShape, { target, references, text }: Sequence): number {
  const tokens = target + references + Math.max(...text);
  return SLACK_BYTES + LIVE_ARRAYS * tokens * transformer.hidden_size * F32 + widenedBytes(transformer.weights);
}

/** The language model's causal attention is composed of products, so that it holds all of its logits. */
function encodeBytes({ language, vision }: ModelShape, { read, patches }: Sequence): number {
  const length = Math.max(...read);
  const words =
    F32 * length * (LIVE_ARRAYS * language.hidden_size + 3 * language.intermediate_size + language.heads * length);
  const most = Math.max(0, ...patches);
  const window = (vision.window_size / vision.patch_size) ** 2;
  const pictures =
    F32 * most * (LIVE_ARRAYS * vision.hidden_size + 3 * vision.intermediate_size + vision.heads * window);
  return SLACK_BYTES + Math.max(words + widenedBytes(language.weights), pictures + widenedBytes(vision.weights));
}

function widenedBytes({ largest_widened }: WeightsShape): number {
  return WIDENED * F32 * largest_widened;
}

/** Feature maps of the widest layer, over the largest picture or tile; and that picture as it is given or made, twice. */
function mapBytes(layers: readonly VaeLayer[], pictures: readonly Size[]): number {
  const pixels = Math.max(0, ...pictures.map(({ width, height }) => width * height));
  const places = Math.max(0, ...pictures.flatMap(vaeTiles).map(({ width, height }) => width * height));
  const widest = Math.max(...layers.map(({ from, to, held, downscale }) => (from + to + held) / downscale ** 2));
  return SLACK_BYTES + F32 * (places * widest + 2 * RGB * pixels);
}
