import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TransformerConfig } from '../src/hub/transformer-config.ts';
import { randn } from '../src/sampling/noise.ts';

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

function tensors(c: TransformerConfig): Map<string, number[]> {
  const d = c.num_attention_heads * c.attention_head_dim;
  const out = new Map<string, number[]>();
  const linear = (name: string, n: number, k: number): void => {
    out.set(`${name}.weight`, [n, k]);
    out.set(`${name}.bias`, [n]);
  };
  linear('img_in', d, c.in_channels);
  linear('txt_in', d, c.joint_attention_dim);
  out.set('txt_norm.weight', [c.joint_attention_dim]);
  linear('time_text_embed.timestep_embedder.linear_1', d, 256);
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
    for (const name of ['to_q', 'to_k', 'to_v', 'add_q_proj', 'add_k_proj', 'add_v_proj', 'to_out.0', 'to_add_out']) {
      linear(`${block}.attn.${name}`, d, d);
    }
    for (const name of ['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k'])
      out.set(`${block}.attn.${name}.weight`, [c.attention_head_dim]);
  }
  return out;
}

const POOL = 1 << 22;

/** Writes a transformer with random weights as one safetensors file. Returns the bytes of its weights. */
export function writeRandomTransformer(dir: string, config: TransformerConfig, dtype: 'F32' | 'BF16'): number {
  const size = dtype === 'F32' ? 4 : 2;
  const noise = randn(POOL, 1n).map((x) => x * 0.02);
  const pool =
    dtype === 'F32'
      ? Buffer.from(noise.buffer)
      : Buffer.from(new Uint16Array(new Uint32Array(noise.buffer).map((bits) => bits >>> 16)).buffer);
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, shape] of tensors(config)) {
    const bytes = shape.reduce((product, side) => product * side, size);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const fd = openSync(join(dir, 'diffusion_pytorch_model.safetensors'), 'w');
  try {
    writeSync(fd, prefix);
    writeSync(fd, json);
    for (let written = 0; written < offset; )
      written += writeSync(fd, pool, 0, Math.min(pool.length, offset - written));
  } finally {
    closeSync(fd);
  }
  return offset;
}
