import type { ModelShape, Size } from '@qwen-edit/contract';
import { isTiled, TILE, tileStarts } from '../engine/vae-tiling.ts';
import { DOUBLED_KERNEL, DOUBLED_PRODUCTS } from '../graphs/convolution.ts';
import { winogradPays, winogradProducts } from '../graphs/winograd.ts';

/** A layer of the VAE that computes: a convolution, or the attention over all places. */
export interface VaeLayer {
  readonly kind: 'convolution' | 'attention';
  /** Its side is that of the picture divided by this. */
  readonly downscale: number;
  readonly from: number;
  readonly to: number;
  /** Elements of its kernel that are kept, for each pair of channels. */
  readonly kernel: number;
  /** Products for each place of its result; those of an attention are counted apart. */
  readonly products: number;
  /** The same on a device that does not use Winograd's transforms. */
  readonly direct: number;
  /** Channels of what waits beside it: the shortcut of a residual block. */
  readonly held: number;
}

type VaeShape = ModelShape['vae'];

const RGB = 3;
const plain = (downscale: number, from: number, to: number, size: 1 | 3, held = 0): VaeLayer => ({
  kind: 'convolution',
  downscale,
  from,
  to,
  kernel: size * size,
  products: from * to * size * size,
  direct: from * to * size * size,
  held,
});
/** A convolution that keeps the size of its picture. */
const conv = (...layer: Parameters<typeof plain>): VaeLayer => {
  const [, from, to, size] = layer;
  const winograd = size === 3 && winogradPays([to, from]);
  return { ...plain(...layer), ...(winograd && { products: winogradProducts([to, from]) }) };
};
const doubled = (downscale: number, from: number, to: number): VaeLayer => ({
  ...plain(downscale, from, to, 3),
  kernel: DOUBLED_KERNEL,
  products: from * to * DOUBLED_PRODUCTS,
  direct: from * to * DOUBLED_PRODUCTS,
});
const residual = (downscale: number, from: number, to: number): VaeLayer[] => [
  conv(downscale, from, to, 3, from),
  conv(downscale, to, to, 3, from),
  ...(from === to ? [] : [conv(downscale, from, to, 1)]),
];
const attention = (downscale: number, channels: number): VaeLayer[] => [
  conv(downscale, channels, 3 * channels, 1, channels),
  { kind: 'attention', downscale, from: 3 * channels, to: channels, kernel: 0, products: 0, direct: 0, held: channels },
  conv(downscale, channels, channels, 1),
];
const middle = (downscale: number, channels: number): VaeLayer[] => [
  ...residual(downscale, channels, channels),
  ...attention(downscale, channels),
  ...residual(downscale, channels, channels),
];

/** In the order in which they run; see graphs/vae.ts. */
export function encoderLayers(c: VaeShape): readonly VaeLayer[] {
  let channels = c.base_dim;
  let downscale = 1;
  const layers = [conv(1, RGB, channels, 3)];
  for (const [level, multiplier] of c.dim_mult.entries()) {
    const out = multiplier * c.base_dim;
    for (let i = 0; i < c.num_res_blocks; i++) {
      layers.push(...residual(downscale, channels, out));
      channels = out;
      if (c.attn_scales.includes(1 / downscale)) layers.push(...attention(downscale, out));
    }
    if (level === c.dim_mult.length - 1) break;
    downscale *= 2;
    layers.push(plain(downscale, out, out, 3));
  }
  layers.push(...middle(downscale, channels), conv(downscale, channels, 2 * c.z_dim, 3));
  layers.push(conv(downscale, 2 * c.z_dim, 2 * c.z_dim, 1));
  return layers;
}

export function decoderLayers(c: VaeShape): readonly VaeLayer[] {
  let channels = (c.dim_mult.at(-1) ?? 1) * c.base_dim;
  let downscale = c.factor;
  const layers = [conv(downscale, c.z_dim, c.z_dim, 1), conv(downscale, c.z_dim, channels, 3)];
  layers.push(...middle(downscale, channels));
  for (const [level, multiplier] of c.dim_mult.toReversed().entries()) {
    const out = multiplier * c.base_dim;
    for (let i = 0; i <= c.num_res_blocks; i++) {
      layers.push(...residual(downscale, channels, out));
      channels = out;
    }
    if (level === c.dim_mult.length - 1) break;
    downscale /= 2;
    const half = Math.floor(out / 2);
    layers.push(doubled(downscale, out, half));
    channels = half;
  }
  layers.push(conv(downscale, channels, RGB, 3));
  return layers;
}

/** The pictures that go through the network one by one: the whole, or its tiles. `untiledArea`: see isTiled. */
export function vaeTiles({ width, height }: Size, untiledArea?: number): readonly Size[] {
  if (!isTiled(width, height, untiledArea)) return [{ width, height }];
  const sides = (length: number): number[] => tileStarts(length).map((start) => Math.min(TILE, length - start));
  return sides(height).flatMap((h) => sides(width).map((w) => ({ width: w, height: h })));
}
