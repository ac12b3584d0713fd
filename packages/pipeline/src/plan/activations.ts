import type { ModelShape, Size } from '@qwen-edit/contract';
import type { ModelWeights } from './network-weights.ts';
import type { Stage } from './residency.ts';
import { type PlannedEdit, type Sequence, sequenceOf, sum } from './sequence.ts';
import { decoderLayers, encoderLayers, type VaeLayer, vaeTiles } from './vae-layers.ts';

const MB = 1e6;
const F32 = 4;
const RGB = 3;
/** What the allocator keeps of freed memory. */
const SLACK_BYTES = 45 * MB;
/**
 * More of that, and what the garbage collector has not found yet, after networks that hold large arrays: so many of their arrays, and no
 * more than so many bytes. `decode` comes after many steps.
 */
const LEFT = {
  encode: { most: 125 * MB, arrays: 14 },
  denoise: { most: 125 * MB, arrays: 4 },
  decode: { most: 255 * MB, arrays: 9 },
} as const;
/**
 * Arrays [tokens, width] that a transformer's layer has at its peak, with those that its caller holds and the allocator keeps. This and
 * the other figures were measured over ONNX Runtime 1.30; docs/plan.md has the measurements.
 */
export const LIVE_ARRAYS = 14;
/** And as many more over prepared weights: inputs without their outliers, and their levels. */
const LEVELS_ARRAYS = 2;
/** Copies of the VAE's kernels. */
const KERNEL_COPIES = 2.5;
/** Half-precision weights that are widened to fp32 at once, in sizes of the largest: two in a gated MLP. */
const WIDENED = { language: 2, vision: 2, transformer: 1.4, modulation: 1.1 } as const;
/** Shift, scale and gate of the attention and of the MLP, for each of two streams. */
export const MODULATIONS = 12;

/** Bytes of main memory that each stage of an edit computes with. */
export function editActivations(
  shape: ModelShape,
  edit: PlannedEdit,
  weights: ModelWeights,
): Readonly<Record<Stage, number>> {
  const sequence = sequenceOf(shape, edit);
  const { words, pictures } = encodeBytes(shape, sequence);
  const widened = (network: keyof ModelWeights): number => WIDENED[network] * F32 * weights[network].widened;
  const modulations = modulationBytes(shape, edit.steps + 1);
  // With prepared weights they are in files, of which a step reads its own, and there are those of the references.
  const isPrepared = weights.transformer.prepared > 0;
  const atOnce = isPrepared ? modulationBytes(shape, 2) : modulations;
  const array = arrayBytes(shape, sequence);
  const encoded = left('encode', Math.max(words, pictures) / LIVE_ARRAYS);
  return {
    encode_text: SLACK_BYTES + Math.max(words + widened('language'), pictures + widened('vision')),
    encode_pictures: SLACK_BYTES + encoded + vaeBytes(encoderLayers(shape.vae), edit.references),
    modulate: SLACK_BYTES + encoded + modulations + widened('modulation'),
    denoise:
      SLACK_BYTES +
      Math.max(encoded, left('denoise', array)) +
      (atOnce + (LIVE_ARRAYS + (isPrepared ? LEVELS_ARRAYS : 0)) * array + widened('transformer')),
    decode: SLACK_BYTES + left('decode', array) + vaeBytes(decoderLayers(shape.vae), [edit.size]),
  };
}

function left(kind: keyof typeof LEFT, array: number): number {
  const { most, arrays } = LEFT[kind];
  return Math.min(most, arrays * array);
}

/** An array over all tokens of the transformer. */
function arrayBytes({ transformer }: ModelShape, sequence: Sequence): number {
  return lengthOf(sequence) * transformer.hidden_size * F32;
}

/** Tokens that the transformer sees at once. */
export const lengthOf = ({ target, references, text }: Sequence): number => target + references + Math.max(...text);

/** Of so many steps, or of the references: 6 for the image stream and 6 for the text stream of each block. */
function modulationBytes({ transformer: { layers, hidden_size } }: ModelShape, steps: number): number {
  return MODULATIONS * steps * layers * hidden_size * F32;
}

/** The language model's causal attention is composed of products, so that it holds all of its logits. */
function encodeBytes({ language, vision }: ModelShape, { read, patches }: Sequence) {
  const length = Math.max(...read);
  const most = Math.max(0, ...patches);
  const window = (vision.window_size / vision.patch_size) ** 2;
  return {
    words:
      F32 * length * (LIVE_ARRAYS * language.hidden_size + 3 * language.intermediate_size + language.heads * length),
    pictures: F32 * most * (LIVE_ARRAYS * vision.hidden_size + 3 * vision.intermediate_size + vision.heads * window),
  };
}

/** For a moment, while a model is loaded: the kernels of one half of the VAE. */
export function openingBytes({ vae }: ModelShape): number {
  return Math.max(kernelBytes(encoderLayers(vae)), kernelBytes(decoderLayers(vae)));
}

/** The VAE's kernels in fp32: cut out of the weights, and laid out for the processor. It is opened in its stages only. */
function kernelBytes(layers: readonly VaeLayer[]): number {
  return KERNEL_COPIES * F32 * kernelWeights(layers);
}

/** Elements of all kernels. */
export const kernelWeights = (layers: readonly VaeLayer[]): number =>
  sum(layers.map((layer) => layer.from * layer.to * layer.kernel));

/** Kernels; feature maps of the widest layer, over the largest picture or tile; and that picture as it is given or made, twice. */
function vaeBytes(layers: readonly VaeLayer[], pictures: readonly Size[]): number {
  const pixels = Math.max(0, ...pictures.map(({ width, height }) => width * height));
  const places = Math.max(0, ...pictures.flatMap((picture) => vaeTiles(picture)).map(placesOf));
  return kernelBytes(layers) + F32 * (places * widestOf(layers) + 2 * RGB * pixels);
}

export const placesOf = ({ width, height }: Size): number => width * height;

/** Channels that the widest layer has in memory, for each place of the picture. */
export function widestOf(layers: readonly VaeLayer[]): number {
  return Math.max(...layers.map(({ from, to, held, downscale }) => (from + to + held) / downscale ** 2));
}
