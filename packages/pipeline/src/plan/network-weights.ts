import type { ModelShape, WeightsShape } from '@qwen-edit/contract';
import { SEGMENT_BYTES } from '../engine/segment-chain.ts';
import { TIME_PROJ_CHANNELS } from '../graphs/transformer.ts';
import type { ComputeForm } from './compute-form.ts';
import { sum } from './sequence.ts';

/** The weights of a network in memory, as its segments are opened one after the other. */
export interface NetworkWeights {
  /** Bytes that each segment has in memory while it is open, in the order in which they run. */
  readonly segments: readonly number[];
  /** Elements of its largest weight that is widened to fp32 each time it is used; 0 if none is. */
  readonly widened: number;
  /** Bytes of its repeated layers in the form of the precision; 0 if they are as the checkpoint stores them. */
  readonly prepared: number;
}

export interface ModelWeights {
  readonly transformer: NetworkWeights;
  readonly language: NetworkWeights;
  readonly vision: NetworkWeights;
  /** What modulations are computed with: opened for a moment, block by block. */
  readonly modulation: NetworkWeights;
}

/** Weights of linear layers in a block of the transformer, in units of its width squared: attentions 8, MLPs 16, modulations 12. */
const BLOCK_LINEAR = 24;
/** Their biases and norms, in units of its width. */
const BLOCK_OTHERS = 18;
const LARGEST_LINEAR = 4;
const LARGEST_MODULATION = 6;

/**
 * What ONNX Runtime keeps beside a prepared block while its session is open, of the block's bytes. Measured with 60 blocks of 3072 channels
 * in w8a8: 13 MB a block. With a few blocks it cannot be told from what differs between runs.
 */
const BESIDE_PREPARED = 0.055;

/**
 * What the networks of a model have in memory, in the form of a precision on a device. `segmentBytes`: up to so many bytes of the checkpoint,
 * blocks of the transformer are one segment.
 */
export function modelWeights(shape: ModelShape, form: ComputeForm, segmentBytes = SEGMENT_BYTES): ModelWeights {
  return {
    ...transformerWeights(shape, form, segmentBytes),
    language: languageWeights(shape.language, form),
    vision: visionWeights(shape.vision, form),
  };
}

/** Bytes of a weight of the repeated layers' products, and of any other. */
const layerBytes = ({ layers }: ComputeForm, weights: WeightsShape): number =>
  layers === 'stored' ? bytesOfOne(weights) : layers;
const bytesOf = ({ others }: ComputeForm, weights: WeightsShape): number =>
  others === 'stored' ? bytesOfOne(weights) : others;

function transformerWeights({ transformer }: ModelShape, form: ComputeForm, segmentBytes: number) {
  const { layers, weights, modulation, hidden_size: d, in_channels, joint_attention_dim } = transformer;
  const each = bytesOf(form, weights);
  const linear = BLOCK_LINEAR * d * d;
  const others = BLOCK_OTHERS * d;
  const prepared = form.isPrepared ? linear * layerBytes(form, weights) : 0;
  // The memory of a card holds them as they are.
  const beside = form.others === 'stored' ? BESIDE_PREPARED : 0;
  const block = others * each + (form.isPrepared ? prepared * (1 + beside) : linear * layerBytes(form, weights));
  const time = (TIME_PROJ_CHANNELS + 3 * d) * d * each;
  const stored = (linear + others) * bytesOfOne(weights) + modulation.bytes / Math.max(1, layers);
  const modulated = form.others === 'stored' ? modulation.bytes : modulation.parameters * each;
  const isWidened = form.others === 'stored';
  return {
    transformer: {
      segments: [
        (in_channels + joint_attention_dim) * d * each,
        ...grouped(Array<number>(layers).fill(block), stored, segmentBytes),
        in_channels * d * each,
      ],
      widened: isWidened
        ? Math.min(weights.largest_widened, form.isPrepared ? joint_attention_dim * d : LARGEST_LINEAR * d * d)
        : 0,
      prepared: layers * prepared,
    },
    modulation: {
      segments: [time, ...Array<number>(layers).fill(modulated / Math.max(1, layers))],
      widened: isWidened ? Math.min(weights.largest_widened, LARGEST_MODULATION * d * d) : 0,
      prepared: 0,
    },
  };
}

function languageWeights(language: ModelShape['language'], form: ComputeForm): NetworkWeights {
  const { layers, weights, hidden_size: d, intermediate_size, heads, key_value_heads } = language;
  const keys = (d / heads) * key_value_heads;
  const linear = 2 * d * d + 2 * d * keys + 3 * d * intermediate_size;
  const stored = weights.bytes / layers;
  const each = bytesOf(form, weights);
  const others = Math.max(0, weights.parameters / layers - linear);
  const layer = others * each + linear * layerBytes(form, weights);
  return {
    // Of the table of embeddings only the rows in use are read, on the host.
    segments: [0, ...grouped(Array<number>(layers).fill(layer), stored)],
    widened: form.isPrepared || form.others !== 'stored' ? 0 : weights.largest_widened,
    prepared: form.isPrepared ? layers * linear * layerBytes(form, weights) : 0,
  };
}

function visionWeights(vision: ModelShape['vision'], form: ComputeForm): NetworkWeights {
  const { layers, weights, hidden_size: d, intermediate_size } = vision;
  const each = bytesOf(form, weights);
  const parameters = Math.min(weights.parameters / layers, 4 * d * d + 3 * d * intermediate_size);
  const blocks = grouped(Array<number>(layers).fill(parameters * each), parameters * bytesOfOne(weights));
  return {
    segments: [0, ...blocks, (weights.parameters - layers * parameters) * each],
    widened: form.others === 'stored' ? weights.largest_widened : 0,
    prepared: 0,
  };
}

function bytesOfOne({ bytes, parameters }: WeightsShape): number {
  return bytes / Math.max(1, parameters);
}

/** Blocks as segmentRanges puts them together, which looks at what the checkpoint `stored` of each. */
function grouped(blocks: readonly number[], stored: number, segmentBytes = SEGMENT_BYTES): readonly number[] {
  const inOne = Math.max(1, Math.floor(segmentBytes / Math.max(1, stored)));
  return Array.from({ length: Math.ceil(blocks.length / inOne) }, (_, i) =>
    sum(blocks.slice(i * inOne, (i + 1) * inOne)),
  );
}
