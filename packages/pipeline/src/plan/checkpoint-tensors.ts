import { TIME_PROJ_CHANNELS } from '../graphs/transformer.ts';
import type { LanguageConfig, TextEncoderConfig, VisionConfig } from '../hub/text-encoder-config.ts';
import type { TransformerConfig } from '../hub/transformer-config.ts';
import type { VaeConfig } from '../hub/vae-config.ts';

/** Names and shapes of a checkpoint's tensors, as its configurations have them: what its files hold, without the files. */
export type TensorList = ReadonlyMap<string, readonly number[]>;

interface TensorWriter {
  readonly tensors: Map<string, readonly number[]>;
  readonly add: (name: string, ...shape: readonly number[]) => void;
  /** A linear layer [n, k]. */
  readonly linear: (name: string, n: number, k: number, bias?: boolean) => void;
}

function createTensorWriter(): TensorWriter {
  const tensors = new Map<string, readonly number[]>();
  const add: TensorWriter['add'] = (name, ...shape) => void tensors.set(name, shape);
  return {
    tensors,
    add,
    linear(name, n, k, bias = true) {
      add(`${name}.weight`, n, k);
      if (bias) add(`${name}.bias`, n);
    },
  };
}

/** Source: QwenImageTransformer2DModel. */
export function transformerTensors(c: TransformerConfig): TensorList {
  const d = c.num_attention_heads * c.attention_head_dim;
  const { tensors, add, linear } = createTensorWriter();
  linear('img_in', d, c.in_channels);
  linear('txt_in', d, c.joint_attention_dim);
  add('txt_norm.weight', c.joint_attention_dim);
  linear('time_text_embed.timestep_embedder.linear_1', d, TIME_PROJ_CHANNELS);
  linear('time_text_embed.timestep_embedder.linear_2', d, d);
  linear('norm_out.linear', 2 * d, d);
  linear('proj_out', c.packed_channels, d);
  for (let i = 0; i < c.num_layers; i++) {
    const block = `transformer_blocks.${i}`;
    for (const stream of ['img', 'txt']) {
      linear(`${block}.${stream}_mod.1`, 6 * d, d);
      linear(`${block}.${stream}_mlp.net.0.proj`, 4 * d, d);
      linear(`${block}.${stream}_mlp.net.2`, d, 4 * d);
    }
    for (const name of ['to_q', 'to_k', 'to_v', 'add_q_proj', 'add_k_proj', 'add_v_proj', 'to_out.0', 'to_add_out'])
      linear(`${block}.attn.${name}`, d, d);
    for (const name of ['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k'])
      add(`${block}.attn.${name}.weight`, c.attention_head_dim);
  }
  return tensors;
}

/** Source: Qwen2_5_VLForConditionalGeneration, by the names of transformers 4. */
export function textEncoderTensors({ text, vision }: TextEncoderConfig): TensorList {
  const head = createTensorWriter();
  head.linear('lm_head', text.vocab_size, text.hidden_size, false);
  return new Map([...languageTensors(text), ...visionTensors(vision), ...head.tensors]);
}

function languageTensors(c: LanguageConfig): TensorList {
  const d = c.hidden_size;
  const narrow = (d / c.num_attention_heads) * c.num_key_value_heads;
  const { tensors, add, linear } = createTensorWriter();
  add('model.embed_tokens.weight', c.vocab_size, d);
  add('model.norm.weight', d);
  for (let i = 0; i < c.num_hidden_layers; i++) {
    const layer = `model.layers.${i}`;
    add(`${layer}.input_layernorm.weight`, d);
    add(`${layer}.post_attention_layernorm.weight`, d);
    linear(`${layer}.self_attn.q_proj`, d, d);
    linear(`${layer}.self_attn.k_proj`, narrow, d);
    linear(`${layer}.self_attn.v_proj`, narrow, d);
    linear(`${layer}.self_attn.o_proj`, d, d, false);
    linear(`${layer}.mlp.gate_proj`, c.intermediate_size, d, false);
    linear(`${layer}.mlp.up_proj`, c.intermediate_size, d, false);
    linear(`${layer}.mlp.down_proj`, d, c.intermediate_size, false);
  }
  return tensors;
}

function visionTensors(c: VisionConfig): TensorList {
  const d = c.hidden_size;
  const merged = d * c.spatial_merge_size ** 2;
  const { tensors, add, linear } = createTensorWriter();
  add('visual.patch_embed.proj.weight', d, c.in_channels, c.temporal_patch_size, c.patch_size, c.patch_size);
  add('visual.merger.ln_q.weight', d);
  linear('visual.merger.mlp.0', merged, merged);
  linear('visual.merger.mlp.2', c.out_hidden_size, merged);
  for (let i = 0; i < c.depth; i++) {
    const block = `visual.blocks.${i}`;
    add(`${block}.norm1.weight`, d);
    add(`${block}.norm2.weight`, d);
    linear(`${block}.attn.qkv`, 3 * d, d);
    linear(`${block}.attn.proj`, d, d);
    linear(`${block}.mlp.gate_proj`, c.intermediate_size, d);
    linear(`${block}.mlp.up_proj`, c.intermediate_size, d);
    linear(`${block}.mlp.down_proj`, d, c.intermediate_size);
  }
  return tensors;
}

/** Source: AutoencoderKLQwenImage. */
export function vaeTensors(c: VaeConfig): TensorList {
  const { tensors, add } = createTensorWriter();
  const conv = (name: string, to: number, from: number, ...kernel: readonly number[]): void => {
    add(`${name}.weight`, to, from, ...kernel);
    add(`${name}.bias`, to);
  };
  const causal = (name: string, to: number, from: number, size: number): void => conv(name, to, from, size, size, size);
  const residual = (name: string, from: number, to: number): void => {
    add(`${name}.norm1.gamma`, from, 1, 1, 1);
    causal(`${name}.conv1`, to, from, 3);
    add(`${name}.norm2.gamma`, to, 1, 1, 1);
    causal(`${name}.conv2`, to, to, 3);
    if (from !== to) causal(`${name}.conv_shortcut`, to, from, 1);
  };
  const attention = (name: string, channels: number): void => {
    add(`${name}.norm.gamma`, channels, 1, 1);
    conv(`${name}.to_qkv`, 3 * channels, channels, 1, 1);
    conv(`${name}.proj`, channels, channels, 1, 1);
  };
  const middle = (name: string, channels: number): void => {
    residual(`${name}.resnets.0`, channels, channels);
    attention(`${name}.attentions.0`, channels);
    residual(`${name}.resnets.1`, channels, channels);
  };
  const widths = c.dim_mult.map((multiplier) => multiplier * c.base_dim);

  let channels = c.base_dim;
  let index = 0;
  let scale = 1;
  causal('encoder.conv_in', channels, c.input_channels, 3);
  for (const [level, out] of widths.entries()) {
    for (let i = 0; i < c.num_res_blocks; i++) {
      residual(`encoder.down_blocks.${index++}`, channels, out);
      channels = out;
      if (c.attn_scales.includes(scale)) attention(`encoder.down_blocks.${index++}`, out);
    }
    const temporal = c.temperal_downsample[level];
    if (temporal === undefined) continue;
    conv(`encoder.down_blocks.${index}.resample.1`, out, out, 3, 3);
    if (temporal) conv(`encoder.down_blocks.${index}.time_conv`, out, out, 3, 1, 1);
    index++;
    scale /= 2;
  }
  middle('encoder.mid_block', channels);
  add('encoder.norm_out.gamma', channels, 1, 1, 1);
  causal('encoder.conv_out', 2 * c.z_dim, channels, 3);
  causal('quant_conv', 2 * c.z_dim, 2 * c.z_dim, 1);
  causal('post_quant_conv', c.z_dim, c.z_dim, 1);

  causal('decoder.conv_in', channels, c.z_dim, 3);
  middle('decoder.mid_block', channels);
  for (const [level, out] of widths.toReversed().entries()) {
    const name = `decoder.up_blocks.${level}`;
    for (let i = 0; i <= c.num_res_blocks; i++) {
      residual(`${name}.resnets.${i}`, channels, out);
      channels = out;
    }
    const temporal = c.temperal_downsample.toReversed()[level];
    if (temporal === undefined) continue;
    const half = Math.floor(out / 2);
    conv(`${name}.upsamplers.0.resample.1`, half, out, 3, 3);
    if (temporal) conv(`${name}.upsamplers.0.time_conv`, 2 * out, out, 3, 1, 1);
    channels = half;
  }
  add('decoder.norm_out.gamma', channels, 1, 1, 1);
  causal('decoder.conv_out', c.input_channels, channels, 3);
  return tensors;
}
