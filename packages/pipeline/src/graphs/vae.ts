import type { VaeConfig } from '../hub/vae-config.ts';
import { createGraph, type Graph, type GraphSource, type Value } from '../onnx/graph.ts';
import { add, attention, reshape, rmsNorm, silu } from '../onnx/layers.ts';
import { channelsFirst, channelsLast, convolution, doubledConvolution } from './convolution.ts';
import { winogradConvolution, winogradPays } from './winograd.ts';

/**
 * The VAE on a single frame: a causal 3-D convolution then sees zeros before the frame, so that only the last temporal
 * slice of its kernel acts, and it is a 2-D convolution. Temporal resampling does not act at all.
 *
 * Feature maps are [1, H, W, C]: a norm then reads the channels of a place in one piece.
 */

/** pixels [1, 3, H, W] in [-1, 1] -> moments' mean [1, z, H / f, W / f]. Source: QwenImageEncoder3d, quant_conv, mode(). */
export function vaeEncoderGraph(c: VaeConfig, source: GraphSource): Graph {
  const g = createGraph('vae-encoder', source);
  const dims = [1, ...c.dim_mult].map((multiplier) => multiplier * c.base_dim);
  let x = causalConv(
    g,
    channelsLast(g, g.input('pixels', [1, c.input_channels, 'H', 'W'])),
    'encoder.conv_in',
    c.input_channels,
    dims[0]!,
    3,
  );
  let channels = dims[0]!;
  let index = 0;
  let scale = 1;
  for (const [level, out] of dims.slice(1).entries()) {
    for (let i = 0; i < c.num_res_blocks; i++) {
      x = residual(g, x, `encoder.down_blocks.${index++}`, channels, out);
      channels = out;
      if (c.attn_scales.includes(scale)) x = selfAttention(g, x, `encoder.down_blocks.${index++}`, out);
    }
    if (level < c.dim_mult.length - 1) {
      const place = { strides: [2, 2], pads: [0, 0, 1, 1] };
      x = conv(g, x, `encoder.down_blocks.${index++}.resample.1`, [out, out, 3], place);
      scale /= 2;
    }
  }
  x = midBlock(g, x, 'encoder.mid_block', channels);
  x = silu(g, channelNorm(g, x, 'encoder.norm_out.gamma', channels, 3));
  x = causalConv(g, x, 'encoder.conv_out', channels, 2 * c.z_dim, 3);
  x = causalConv(g, x, 'quant_conv', 2 * c.z_dim, 2 * c.z_dim, 1);
  const [mean] = g.ops('Split', [channelsFirst(g, x)], 2, { axis: 1, num_outputs: 2 });
  g.output('latents', mean!, [1, c.z_dim, 'h', 'w']);
  return g;
}

/** latents [1, z, h, w] -> pixels [1, 3, h · f, w · f], not clamped. Source: post_quant_conv, QwenImageDecoder3d. */
export function vaeDecoderGraph(c: VaeConfig, source: GraphSource): Graph {
  const g = createGraph('vae-decoder', source);
  const multipliers = [...c.dim_mult].reverse();
  const dims = [multipliers[0]!, ...multipliers].map((multiplier) => multiplier * c.base_dim);
  let channels = dims[0]!;
  let x = channelsLast(g, g.input('latents', [1, c.z_dim, 'h', 'w']));
  x = causalConv(g, x, 'post_quant_conv', c.z_dim, c.z_dim, 1);
  x = causalConv(g, x, 'decoder.conv_in', c.z_dim, channels, 3);
  x = midBlock(g, x, 'decoder.mid_block', channels);
  for (const [level, out] of dims.slice(1).entries()) {
    const name = `decoder.up_blocks.${level}`;
    for (let i = 0; i <= c.num_res_blocks; i++) {
      x = residual(g, x, `${name}.resnets.${i}`, channels, out);
      channels = out;
    }
    if (level < multipliers.length - 1) {
      const half = Math.floor(out / 2);
      const upsampler = `${name}.upsamplers.0.resample.1`;
      const kernel = g.weight(`${upsampler}.weight`, [half, out, 3, 3]);
      x = doubledConvolution(g, x, kernel, g.weight(`${upsampler}.bias`, [half]), half);
      channels = half;
    }
  }
  x = silu(g, channelNorm(g, x, 'decoder.norm_out.gamma', channels, 3));
  x = causalConv(g, x, 'decoder.conv_out', channels, c.input_channels, 3);
  g.output('pixels', channelsFirst(g, x), [1, c.input_channels, 'H', 'W']);
  return g;
}

/**
 * A convolution with the kernel `name`.weight [to, from, size, size] and `name`.bias [to]. Of a 3-D kernel [to, from, size, size, size]
 * (`temporal`) the last temporal slice acts.
 */
function conv(
  g: Graph,
  x: Value,
  name: string,
  [to, from, size]: readonly [to: number, from: number, size: number],
  { temporal = false, strides = [1, 1], pads = [0, 0, 0, 0] }: ConvOptions = {},
): Value {
  const shape = [to, from, ...Array<number>(temporal ? 3 : 2).fill(size)];
  // Cut before it is widened: what the runtime computes of constants waits in memory until the whole graph is loaded.
  const acting = (kernel: Value): Value =>
    temporal ? g.op('Gather', [kernel, g.ints([size - 1], [])], { axis: 2 }) : kernel;
  const bias = g.weight(`${name}.bias`, [to]);
  if (g.winograd && temporal && size === 3 && winogradPays([to, from])) {
    const elements = g.weight(`${name}.weight`, shape, {
      as: [to, from, size, size * size],
      part: (kernel) => g.op('Transpose', [acting(kernel)], { perm: [2, 1, 0] }),
    });
    return winogradConvolution(g, x, elements, bias, [to, from]);
  }
  const kernel = g.weight(`${name}.weight`, shape, { part: acting });
  return convolution(g, x, kernel, bias, { kernel_shape: [size, size], strides, pads });
}

interface ConvOptions {
  readonly temporal?: boolean;
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
}

/** A causal 3-D convolution on a single frame, padded to keep the size. Source: QwenImageCausalConv3d. */
function causalConv(g: Graph, x: Value, name: string, from: number, to: number, size: 1 | 3): Value {
  const pad = (size - 1) / 2;
  return conv(g, x, name, [to, from, size], { temporal: true, pads: [pad, pad, pad, pad] });
}

/**
 * x / max(‖x‖, 1e-12) · sqrt(C) · gamma, the norm taken over the channels; 1e-12 only matters for zeros. This is x / sqrt(mean(x²)) ·
 * gamma, which ONNX Runtime has as one operator. Source: QwenImageRMS_norm.
 */
function channelNorm(g: Graph, x: Value, name: string, channels: number, spatialDims: 2 | 3): Value {
  const gamma = g.weight(name, [channels, ...Array<number>(spatialDims).fill(1)], { as: [channels] });
  return rmsNorm(g, x, gamma, 1e-24 / channels);
}

/** Source: QwenImageResidualBlock. */
function residual(g: Graph, x: Value, name: string, from: number, to: number): Value {
  const shortcut = from === to ? x : causalConv(g, x, `${name}.conv_shortcut`, from, to, 1);
  let y = silu(g, channelNorm(g, x, `${name}.norm1.gamma`, from, 3));
  y = causalConv(g, y, `${name}.conv1`, from, to, 3);
  y = silu(g, channelNorm(g, y, `${name}.norm2.gamma`, to, 3));
  return add(g, causalConv(g, y, `${name}.conv2`, to, to, 3), shortcut);
}

/** Single head over all places of the picture. Source: QwenImageAttentionBlock. */
function selfAttention(g: Graph, x: Value, name: string, channels: number): Value {
  const y = channelNorm(g, x, `${name}.norm.gamma`, channels, 2);
  const qkv = conv(g, y, `${name}.to_qkv`, [3 * channels, channels, 1]);
  const [q, k, v] = g.ops('Split', [reshape(g, qkv, [1, -1, 3 * channels])], 3, { axis: 2, num_outputs: 3 });
  const picture = g.op('Reshape', [attention(g, [q!, k!, v!], { count: 1, dim: channels }), g.op('Shape', [x])]);
  return add(g, x, conv(g, picture, `${name}.proj`, [channels, channels, 1]));
}

/** Source: QwenImageMidBlock. */
function midBlock(g: Graph, x: Value, name: string, channels: number): Value {
  const y = residual(g, x, `${name}.resnets.0`, channels, channels);
  return residual(g, selfAttention(g, y, `${name}.attentions.0`, channels), `${name}.resnets.1`, channels, channels);
}
