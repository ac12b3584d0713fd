import type { TransformerConfig } from '../src/hub/transformer-config.ts';
import { transformerTensors } from '../src/plan/checkpoint-tensors.ts';
import { writeRandomWeights } from './random-weights.ts';

/** True width of Qwen-Image-Edit-2511 at reduced depth. */
export function trueWidth(layers: number): TransformerConfig {
  return {
    in_channels: 64,
    packed_channels: 64,
    num_layers: layers,
    attention_head_dim: 128,
    num_attention_heads: 24,
    joint_attention_dim: 3584,
    axes_dims_rope: [16, 56, 56],
    zero_cond_t: true,
  };
}

/** Writes a transformer with random weights as one safetensors file. Returns the bytes of its weights. */
export function writeRandomTransformer(dir: string, config: TransformerConfig, dtype: 'F32' | 'BF16'): number {
  return writeRandomWeights(dir, transformerTensors(config), dtype);
}
