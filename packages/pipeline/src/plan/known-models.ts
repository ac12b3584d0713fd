import type { ModelShape, Preset } from '@qwen-edit/contract';
import { lightningPresets } from '../hub/known-presets.ts';
import { processorSchema } from '../hub/processor-config.ts';
import { textEncoderSchema } from '../hub/text-encoder-config.ts';
import { transformerSchema } from '../hub/transformer-config.ts';
import { vaeSchema } from '../hub/vae-config.ts';
import { type TensorList, textEncoderTensors, transformerTensors, vaeTensors } from './checkpoint-tensors.ts';
import { type ShapeConfigs, shapeOf, type TensorFacts } from './model-shape.ts';

/** Qwen-Image-Edit-2511 and its sisters of the same class: what their configurations say where it is not a default. */
const CONFIGS = {
  transformer: { zero_cond_t: true },
  textEncoder: {
    vocab_size: 152_064,
    hidden_size: 3584,
    intermediate_size: 18_944,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    vision_config: { hidden_size: 1280, intermediate_size: 3420 },
  },
  processor: { min_pixels: 3136, max_pixels: 12_845_056 },
  // Only their number matters here.
  vae: { latents_mean: Array<number>(16).fill(0), latents_std: Array<number>(16).fill(1) },
};

/** Checkpoints with these widths, by their names on the Hugging Face hub. */
export const KNOWN_MODELS: readonly string[] = [
  'Qwen/Qwen-Image-Edit-2511',
  'Qwen/Qwen-Image-Edit-2509',
  'Qwen/Qwen-Image-Edit',
];

const BF16_BYTES = 2;

/**
 * The shape of a known checkpoint by its name on the hub, so that its needs can be told before 57 GB are downloaded. Undefined for
 * any other. It is made from the configurations by arithmetic, all weights in bf16.
 */
export function knownModelShape(name: string): ModelShape | undefined {
  if (!KNOWN_MODELS.some((known) => known.toLowerCase() === name.toLowerCase())) return undefined;
  const configs: ShapeConfigs = {
    transformer: transformerSchema.parse(CONFIGS.transformer),
    textEncoder: textEncoderSchema.parse(CONFIGS.textEncoder),
    processor: processorSchema.parse(CONFIGS.processor),
    vae: vaeSchema.parse(CONFIGS.vae),
  };
  return shapeOf(configs, {
    transformer: inBf16(transformerTensors(configs.transformer)),
    textEncoder: inBf16(textEncoderTensors(configs.textEncoder)),
    vae: inBf16(vaeTensors(configs.vae)),
  });
}

/** Its presets, besides those of every model. None of any other. */
export function knownModelPresets(name: string): Preset[] {
  const [, release] = /^Qwen\/Qwen-Image-Edit-(2511|2509)$/i.exec(name) ?? [];
  return release === '2511' || release === '2509' ? [...lightningPresets(release)] : [];
}

/** Bytes of its weight files, which are nearly all that a download of it has. Undefined as above. */
export function knownModelBytes(name: string): number | undefined {
  const shape = knownModelShape(name);
  if (shape === undefined) return undefined;
  const { transformer, language, vision, vae } = shape;
  const read = [transformer, language, vision, vae].reduce((sum, { weights }) => sum + weights.bytes, 0);
  return read + language.embedding_bytes + shape.unused_bytes;
}

function* inBf16(list: TensorList): Generator<TensorFacts> {
  for (const [name, shape] of list)
    yield { name, dtype: 'BF16', shape, byteLength: shape.reduce((product, side) => product * side, BF16_BYTES) };
}
