import type { ModelShape, WeightsShape } from '@qwen-edit/contract';
import type { ModelFolder } from '../hub/model-folder.ts';
import type { ProcessorConfig } from '../hub/processor-config.ts';
import type { TextEncoderConfig } from '../hub/text-encoder-config.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import { type VaeConfig, vaeFactor } from '../hub/vae-config.ts';

/** A tensor as its file's header tells of it. */
export interface TensorFacts {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** The configurations of a checkpoint that its shape is made of. */
export interface ShapeConfigs {
  readonly transformer: TransformerConfig;
  readonly textEncoder: TextEncoderConfig;
  readonly processor: Pick<ProcessorConfig, 'min_pixels' | 'max_pixels'>;
  readonly vae: VaeConfig;
}

/** The tensors of each component. */
export interface ShapeTensors {
  readonly transformer: Iterable<TensorFacts>;
  readonly textEncoder: Iterable<TensorFacts>;
  readonly vae: Iterable<TensorFacts>;
}

/** The shape of a checkpoint whose headers are read: see modelShapeSchema. */
export function modelShape(folder: ModelFolder): ModelShape {
  const { transformer, textEncoder, processor, vae } = folder;
  return shapeOf(
    { transformer: transformer.config, textEncoder: textEncoder.config, processor, vae: vae.config },
    {
      transformer: transformer.weights.tensors.values(),
      textEncoder: textEncoder.weights.tensors.values(),
      vae: vae.weights.tensors.values(),
    },
  );
}

/** The same from configurations and a list of tensors, which need not be there. */
export function shapeOf({ transformer, textEncoder, processor, vae }: ShapeConfigs, tensors: ShapeTensors): ModelShape {
  const ofTransformer = [...tensors.transformer];
  const parts = partsOf(tensors.textEncoder);
  const modulation = sumOf(ofTransformer.filter(({ name }) => /\.(img|txt)_mod\.1\./.test(name)));
  const { text, vision } = textEncoder;
  return {
    transformer: {
      layers: transformer.num_layers,
      hidden_size: transformer.num_attention_heads * transformer.attention_head_dim,
      heads: transformer.num_attention_heads,
      in_channels: transformer.in_channels,
      joint_attention_dim: transformer.joint_attention_dim,
      weights: sumOf(ofTransformer),
      modulation: { parameters: modulation.parameters, bytes: modulation.bytes },
    },
    language: {
      layers: text.num_hidden_layers,
      hidden_size: text.hidden_size,
      intermediate_size: text.intermediate_size,
      heads: text.num_attention_heads,
      key_value_heads: text.num_key_value_heads,
      weights: sumOf(parts.language),
      embedding_bytes: sumOf(parts.embedding).bytes,
    },
    vision: {
      layers: vision.depth,
      hidden_size: vision.hidden_size,
      intermediate_size: vision.intermediate_size,
      heads: vision.num_heads,
      patch_size: vision.patch_size,
      temporal_patch_size: vision.temporal_patch_size,
      merge_size: vision.spatial_merge_size,
      window_size: vision.window_size,
      full_attention_layers: vision.fullatt_block_indexes.filter((index) => index < vision.depth).length,
      min_pixels: processor.min_pixels,
      max_pixels: processor.max_pixels,
      weights: sumOf(parts.vision),
    },
    vae: {
      z_dim: vae.z_dim,
      base_dim: vae.base_dim,
      dim_mult: [...vae.dim_mult],
      num_res_blocks: vae.num_res_blocks,
      attn_scales: [...vae.attn_scales],
      factor: vaeFactor(vae),
      weights: sumOf(tensors.vae),
    },
    unused_bytes: sumOf(parts.unused).bytes,
  };
}

type Part = 'language' | 'embedding' | 'vision' | 'unused';

/** Both generations' names: `model.layers.0.`, `model.language_model.layers.0.`, `language_model.model.layers.0.`, … */
function partsOf(tensors: Iterable<TensorFacts>): Readonly<Record<Part, readonly TensorFacts[]>> {
  const parts: Record<Part, TensorFacts[]> = { language: [], embedding: [], vision: [], unused: [] };
  for (const tensor of tensors) parts[partOf(tensor.name)].push(tensor);
  return parts;
}

function partOf(name: string): Part {
  if (/^(model\.)?visual\./.test(name)) return 'vision';
  if (name.endsWith('embed_tokens.weight')) return 'embedding';
  return /^(model\.|language_model\.model\.)(language_model\.)?(layers\.|norm\.)/.test(name) ? 'language' : 'unused';
}

function sumOf(tensors: Iterable<TensorFacts>): WeightsShape {
  const dtypes: Record<string, number> = {};
  let parameters = 0;
  let bytes = 0;
  let largest_widened = 0;
  for (const { dtype, shape, byteLength } of tensors) {
    const elements = shape.reduce((product, side) => product * side, 1);
    parameters += elements;
    bytes += byteLength;
    dtypes[dtype] = (dtypes[dtype] ?? 0) + byteLength;
    if (dtype !== 'F32') largest_widened = Math.max(largest_widened, elements);
  }
  return { parameters, bytes, dtypes, largest_widened };
}
