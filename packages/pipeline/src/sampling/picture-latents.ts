import type { ReferenceTarget, Size } from '@qwen-edit/contract';
import type { Grid, Planes } from '../arrays.ts';
import type { LoadedModel } from '../engine/model.ts';
import type { Vae } from '../engine/vae.ts';
import { cropToShape } from '../image/crop.ts';
import { toPixels } from '../image/encode.ts';
import { vaeImage } from '../image/preprocess.ts';
import type { Pixels } from '../image/resample.ts';
import { requireFinite } from './finite.ts';
import { denormaliseLatents, normaliseLatents, PATCH, packLatents, unpackLatents } from './latents.ts';
import { randn } from './noise.ts';
import type { ColourFit } from './preview.ts';

/** How many tokens a picture of this size takes. */
export function tokenGrid({ width, height }: Size, { vae }: LoadedModel): Grid {
  return { rows: height / vae.factor / PATCH, columns: width / vae.factor / PATCH };
}

/** Latents of one picture as the transformer takes them, packed [rows · columns, C]. */
export interface PackedLatents {
  readonly packed: Float32Array;
  readonly grid: Grid;
}

/**
 * Normalised latents of one reference at the size that editSizes gives it. `encode`: what the VAE makes of it, or has made of it before.
 * `fit`, if given, learns from them which colours they stand for.
 * Source: _encode_vae_image, prepare_latents.
 */
export async function encodeReference(
  model: LoadedModel,
  image: Pixels,
  target: ReferenceTarget,
  encode: Vae['encode'],
  fit: ColourFit | undefined,
): Promise<PackedLatents> {
  const { latents_mean, latents_std } = model.folder.vae.config;
  const picture = vaeImage(target.cut ? cropToShape(image, target) : image, target);
  const mode = await encode(picture);
  const normal = normaliseLatents(mode.data, latents_mean, latents_std);
  requireFinite(normal, 'encoding a picture');
  fit?.learn({ ...mode, data: normal }, picture);
  return {
    packed: packLatents(normal, mode.channels, mode.height, mode.width),
    grid: tokenGrid(picture, model),
  };
}

/** Noise for `count` pictures: one contiguous draw for all, packed one by one. Source: prepare_latents. */
export function drawLatents({ vae }: LoadedModel, grid: Grid, count: number, seed: string): Float32Array[] {
  const { channels, height, width, size } = latentShape(vae.channels, grid);
  const noise = randn(count * size, BigInt(seed));
  return Array.from({ length: count }, (_, i) =>
    packLatents(noise.subarray(i * size, (i + 1) * size), channels, height, width),
  );
}

/** Packed latents [rows · columns, C] -> normalised latents [z, h, w]. */
export function unpackToPlanes({ vae }: LoadedModel, { packed, grid }: PackedLatents): Planes {
  const { channels, height, width } = latentShape(vae.channels, grid);
  return { data: unpackLatents(packed, channels, height, width), channels, height, width };
}

/** Packed latents -> the picture that the VAE makes of them. */
export async function decodeLatents(model: LoadedModel, latents: PackedLatents): Promise<Pixels> {
  const { latents_mean, latents_std } = model.folder.vae.config;
  const planes = unpackToPlanes(model, latents);
  const data = denormaliseLatents(planes.data, latents_mean, latents_std);
  const pixels = await model.vae.decode({ ...planes, data });
  requireFinite(pixels.data, 'decoding the picture');
  return toPixels(pixels);
}

function latentShape(channels: number, grid: Grid) {
  const height = PATCH * grid.rows;
  const width = PATCH * grid.columns;
  return { channels, height, width, size: channels * height * width };
}
