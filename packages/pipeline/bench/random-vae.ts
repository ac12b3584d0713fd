import type { VaeConfig } from '../src/hub/vae-config.ts';
import { vaeTensors } from '../src/plan/checkpoint-tensors.ts';
import { writeRandomWeights } from './random-weights.ts';

const Z_DIM = 16;

/** The VAE of Qwen-Image-Edit-2511 in its true size. Mean and deviation of the latents do not act in the network. */
export const TRUE_VAE: VaeConfig = {
  base_dim: 96,
  z_dim: Z_DIM,
  dim_mult: [1, 2, 4, 4],
  num_res_blocks: 2,
  attn_scales: [],
  input_channels: 3,
  temperal_downsample: [false, true, true],
  latents_mean: Array.from({ length: Z_DIM }, () => 0),
  latents_std: Array.from({ length: Z_DIM }, () => 1),
};

/** Writes the VAE with random weights as one safetensors file, in bf16 as published. Returns the bytes of its weights. */
export function writeRandomVae(dir: string): number {
  return writeRandomWeights(dir, vaeTensors(TRUE_VAE), 'BF16');
}
