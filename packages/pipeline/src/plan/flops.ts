import type { ModelShape, Size } from '@qwen-edit/contract';
import { TIME_PROJ_CHANNELS } from '../graphs/transformer.ts';
import { expectedComputed } from '../sampling/speed.ts';
import { type PlannedEdit, type Sequence, sequenceOf, sum } from './sequence.ts';
import { decoderLayers, encoderLayers, type VaeLayer, vaeTiles } from './vae-layers.ts';

/** Floating-point operations of the products and the attention of an edit: a multiplication and an addition are two. */
export interface EditFlops {
  /** The language model, over each prompt. */
  readonly text: number;
  /** The vision tower, over all pictures. */
  readonly vision: number;
  /** The VAE, over all references. */
  readonly vae_encode: number;
  /** One step: a pass for each picture that is made, twice under guidance. */
  readonly step: number;
  /** All steps that are expected to be computed. */
  readonly denoise: number;
  readonly vae_decode: number;
  readonly total: number;
}

/** What of a device the operations depend on: see Device. */
interface FlopsDevice {
  readonly winograd: boolean;
}

/**
 * What an edit computes, exactly as the graphs do it, but for norms, activations, rotations and the VAE's transforms of kernels, which are below 1 %. Attention
 * takes 4 · length² · width: the products of queries with keys, and of their softmax with values.
 */
export function editFlops(
  shape: ModelShape,
  edit: PlannedEdit,
  { winograd }: FlopsDevice = { winograd: true },
): EditFlops {
  const sequence = sequenceOf(shape, edit);
  const text = sum(sequence.read.map((length) => languageFlops(shape.language, length)));
  const vision = sum(sequence.patches.map((patches) => visionFlops(shape, patches)));
  const vae_encode = sum(edit.references.map((size) => vaeFlops(encoderLayers(shape.vae), size, winograd)));
  const step = edit.numImages * sum(sequence.text.map((length) => passFlops(shape.transformer, sequence, length)));
  const denoise = expectedComputed(edit.steps, edit.speed) * step;
  const vae_decode = edit.numImages * vaeFlops(decoderLayers(shape.vae), edit.size, winograd);
  const total = text + vision + vae_encode + denoise + vae_decode;
  return { text, vision, vae_encode, step, denoise, vae_decode, total };
}

const linear = (rows: number, n: number, k: number): number => 2 * rows * n * k;
const attention = (length: number, width: number): number => 4 * length * length * width;

/** One pass of the transformer. */
function passFlops(
  { hidden_size: d, layers, in_channels: c, joint_attention_dim: e }: ModelShape['transformer'],
  { target, references }: Pick<Sequence, 'target' | 'references'>,
  text: number,
): number {
  const image = target + references;
  const embed = linear(image, d, c) + linear(text, d, e) + linear(2, d, TIME_PROJ_CHANNELS) + linear(2, d, d);
  // Queries, keys, values and the way out; an MLP of four widths.
  const block = linear(image + text, d, (4 + 2 * 4) * d) + attention(image + text, d);
  // The picture's modulations for the target and for the references, and the text's.
  const modulations = linear(2 + 1, 6 * d, d);
  const tail = linear(1, 2 * d, d) + linear(target, c, d);
  return embed + layers * (block + modulations) + tail;
}

function languageFlops(c: ModelShape['language'], length: number): number {
  const d = c.hidden_size;
  const narrow = (d / c.heads) * c.key_value_heads;
  const layer =
    linear(length, 2 * d + 2 * narrow, d) + linear(length, 3 * c.intermediate_size, d) + attention(length, d);
  return c.layers * layer;
}

/** Windows are taken as full: those at the edges of a picture are padded. */
function visionFlops({ vision: c, language }: ModelShape, patches: number): number {
  const d = c.hidden_size;
  const embed = linear(patches, d, 3 * c.temporal_patch_size * c.patch_size ** 2);
  const layer = linear(patches, 4 * d, d) + linear(patches, 3 * c.intermediate_size, d);
  const window = (c.window_size / c.patch_size) ** 2;
  const inWindows = patches > window ? (patches / window) * attention(window, d) : attention(patches, d);
  const full = c.full_attention_layers;
  const attentions = full * attention(patches, d) + (c.layers - full) * inWindows;
  const merged = d * c.merge_size ** 2;
  const merger = linear(patches / c.merge_size ** 2, merged + language.hidden_size, merged);
  return embed + c.layers * layer + attentions + merger;
}

function vaeFlops(layers: readonly VaeLayer[], size: Size, winograd: boolean): number {
  return sum(vaeTiles(size).map((tile) => sum(layers.map((layer) => layerFlops(layer, tile, winograd)))));
}

function layerFlops(
  { kind, downscale, to, products, direct }: VaeLayer,
  { width, height }: Size,
  winograd: boolean,
): number {
  const places = Math.floor(width / downscale) * Math.floor(height / downscale);
  return kind === 'attention' ? attention(places, to) : 2 * places * (winograd ? products : direct);
}
