import { type ModelShape, type PrecisionName, precisionFacts, type WeightsShape } from '@qwen-edit/contract';
import { SEGMENT_BYTES } from '../engine/segment-chain.ts';
import { TIME_PROJ_CHANNELS } from '../graphs/transformer.ts';
import { sum } from './sequence.ts';

/** The weights of a network in memory, as its segments are opened one after the other. */
export interface NetworkWeights {
  /** Bytes that each segment has in memory while it is open, in the order in which they run. */
  readonly segments: readonly number[];
  /** Elements of its largest weight that is widened to fp32 when it is used; 0 if none is. */
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

/** What the networks of a model have in memory in a precision. It stores the repeated layers; all else is as in the checkpoint. */
export function modelWeights(shape: ModelShape, precision: PrecisionName): ModelWeights {
  const { bytesPerWeight } = precisionFacts(precision);
  return {
    ...transformerWeights(shape, bytesPerWeight),
    language: languageWeights(shape.language, bytesPerWeight),
    vision: visionWeights(shape.vision),
  };
}

type BytesPerWeight = number | 'stored';

function transformerWeights({ transformer }: ModelShape, bytesPerWeight: BytesPerWeight) {
  const { layers, weights, modulation, hidden_size: d, in_channels, joint_attention_dim } = transformer;
  const each = bytesOfOne(weights);
  const linear = BLOCK_LINEAR * d * d;
  const others = BLOCK_OTHERS * d * each;
  const inPrecision = bytesPerWeight === 'stored' ? 0 : linear * bytesPerWeight;
  const block = others + (bytesPerWeight === 'stored' ? linear * each : inPrecision * (1 + BESIDE_PREPARED));
  const time = (TIME_PROJ_CHANNELS + 3 * d) * d * each;
  const stored = linear * each + others + modulation.bytes / Math.max(1, layers);
  return {
    transformer: {
      segments: [
        (in_channels + joint_attention_dim) * d * each,
        ...grouped(Array<number>(layers).fill(block), stored),
        in_channels * d * each,
      ],
      widened: Math.min(
        weights.largest_widened,
        bytesPerWeight === 'stored' ? LARGEST_LINEAR * d * d : joint_attention_dim * d,
      ),
      prepared: layers * inPrecision,
    },
    modulation: {
      segments: [time, ...Array<number>(layers).fill(modulation.bytes / Math.max(1, layers))],
      widened: Math.min(weights.largest_widened, LARGEST_MODULATION * d * d),
      prepared: 0,
    },
  };
}

function languageWeights(language: ModelShape['language'], bytesPerWeight: BytesPerWeight): NetworkWeights {
  const { layers, weights, hidden_size: d, intermediate_size, heads, key_value_heads } = language;
  const keys = (d / heads) * key_value_heads;
  const linear = 2 * d * d + 2 * d * keys + 3 * d * intermediate_size;
  const stored = weights.bytes / layers;
  const isStored = bytesPerWeight === 'stored';
  const layer = isStored ? stored : Math.max(0, stored - linear * bytesOfOne(weights)) + linear * bytesPerWeight;
  return {
    // Of the table of embeddings only the rows in use are read.
    segments: [0, ...grouped(Array<number>(layers).fill(layer), stored)],
    widened: isStored ? weights.largest_widened : 0,
    prepared: isStored ? 0 : layers * linear * bytesPerWeight,
  };
}

function visionWeights({ layers, weights, hidden_size: d, intermediate_size }: ModelShape['vision']): NetworkWeights {
  const layer = Math.min(weights.bytes / layers, (4 * d * d + 3 * d * intermediate_size) * bytesOfOne(weights));
  return {
    segments: [0, ...grouped(Array<number>(layers).fill(layer), layer), weights.bytes - layers * layer],
    widened: weights.largest_widened,
    prepared: 0,
  };
}

function bytesOfOne({ bytes, parameters }: WeightsShape): number {
  return bytes / Math.max(1, parameters);
}

/** Blocks as segmentRanges puts them together, which looks at what the checkpoint `stored` of each. */
function grouped(blocks: readonly number[], stored: number): readonly number[] {
  const inOne = Math.max(1, Math.floor(SEGMENT_BYTES / Math.max(1, stored)));
  return Array.from({ length: Math.ceil(blocks.length / inOne) }, (_, i) =>
    sum(blocks.slice(i * inOne, (i + 1) * inOne)),
  );
}
