import type { ModelShape, Size } from '@qwen-edit/contract';
import { HEAD_GROUPS } from '../onnx/attention.ts';
import { kernelWeights, LIVE_ARRAYS, lengthOf, MODULATIONS, placesOf, widestOf } from './activations.ts';
import { type ComputeForm, F32 } from './compute-form.ts';
import type { Stage } from './residency.ts';
import { type PlannedEdit, sequenceOf } from './sequence.ts';
import { decoderLayers, encoderLayers, type VaeLayer, vaeTiles } from './vae-layers.ts';

/** What an allocator rounds up and keeps in pieces. As all of this file it is an assumption: there was no card to measure on. */
const ROUNDED = 1.1;
/** Each of two prompts has its own streams, which stay on the device between segments. */
const STREAM_ARRAYS = 2;
/** Logits, and what softmax makes of them. */
const LOGITS_ARRAYS = 2;
/** Kernels as they are, and in the layout of the device. */
const KERNEL_COPIES = 2;
/** Of the width, channels of the hidden layer of an MLP. */
const MLP_RATIO = 4;

interface ComputedOn {
  readonly form: ComputeForm;
  /** See isTiled. */
  readonly untiledArea: number;
  /** The VAE's kernels are there all the time: see vaeKernelBytes. */
  readonly vaeStays: boolean;
}

/** What the stages compute with in a device's own memory. */
export interface DeviceActivations {
  readonly stages: Readonly<Record<Stage, number>>;
  /** Bytes of the largest array of each. */
  readonly largest: Readonly<Record<Stage, number>>;
}

/** Bytes of a device's own memory that each stage of an edit computes with. */
export function deviceActivations(shape: ModelShape, edit: PlannedEdit, on: ComputedOn): DeviceActivations {
  const { holdsLogits } = on.form;
  const { language, vision, transformer } = shape;
  const sequence = sequenceOf(shape, edit);
  const read = Math.max(...sequence.read);
  const patches = Math.max(0, ...sequence.patches);
  const length = lengthOf(sequence);
  /** All heads' logits that are in memory at once, in one array. */
  const logits = (heads: number, tokens: number): number =>
    holdsLogits ? Math.ceil(heads / HEAD_GROUPS) * tokens ** 2 * F32 : 0;
  const layer = (tokens: number, width: number, hidden: number, heads: number): number =>
    tokens * F32 * (LIVE_ARRAYS * width + hidden) + LOGITS_ARRAYS * logits(heads, tokens);

  const words = layer(read, language.hidden_size, 3 * language.intermediate_size, language.heads);
  const pictures = layer(patches, vision.hidden_size, 3 * vision.intermediate_size, vision.heads);
  const d = transformer.hidden_size;
  const stepModulations = 2 * MODULATIONS * transformer.layers * d * F32;
  const encode = vaeBytes(encoderLayers(shape.vae), edit.references, on);
  const decode = vaeBytes(decoderLayers(shape.vae), [edit.size], on);
  return {
    stages: {
      encode_text: ROUNDED * Math.max(words, pictures),
      encode_pictures: ROUNDED * encode.all,
      modulate: ROUNDED * (edit.steps + 1) * MODULATIONS * d * F32,
      denoise:
        ROUNDED *
        (layer(length, d, 0, transformer.heads) +
          (edit.guidance ? STREAM_ARRAYS : 0) * length * d * F32 +
          stepModulations),
      decode: ROUNDED * decode.all,
    },
    largest: {
      encode_text: Math.max(
        read * language.intermediate_size * F32,
        logits(language.heads, read),
        logits(vision.heads, patches),
      ),
      encode_pictures: encode.largest,
      modulate: 0,
      denoise: Math.max(length * MLP_RATIO * d * F32, logits(transformer.heads, length)),
      decode: decode.largest,
    },
  };
}

/** The VAE computes in fp32 in every precision. Kernels; feature maps of the widest layer, over the largest picture or tile; and the logits of the attention over all of its places. */
function vaeBytes(layers: readonly VaeLayer[], pictures: readonly Size[], { form, untiledArea, vaeStays }: ComputedOn) {
  const places = Math.max(0, ...pictures.flatMap((picture) => vaeTiles(picture, untiledArea)).map(placesOf));
  const attended = layers.filter(({ kind }) => kind === 'attention');
  const logits = form.holdsLogits
    ? Math.max(0, ...attended.map(({ downscale }) => (places / downscale ** 2) ** 2 * F32))
    : 0;
  const map = Math.max(...layers.map(({ from, to, downscale }) => Math.max(from, to) / downscale ** 2));
  return {
    all: (vaeStays ? 0 : kernelBytes(layers)) + Math.max(F32 * places * widestOf(layers), LOGITS_ARRAYS * logits),
    largest: Math.max(F32 * places * map, logits),
  };
}

/** The kernels of both halves of the VAE. */
export const vaeKernelBytes = ({ vae }: ModelShape): number =>
  kernelBytes(encoderLayers(vae)) + kernelBytes(decoderLayers(vae));

const kernelBytes = (layers: readonly VaeLayer[]): number => KERNEL_COPIES * F32 * kernelWeights(layers);
