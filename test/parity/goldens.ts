import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { expect } from 'vitest';
import { decodeImage } from '../../packages/pipeline/src/image/decode.ts';
import type { Pixels } from '../../packages/pipeline/src/image/resample.ts';

/** Reads what diffusers made (see test/fixtures/README.md), and compares with it. */
const fixtures = join(import.meta.dirname, '../fixtures');
const demoModel = join(import.meta.dirname, '../../packages/demo-model');

export const CHECKPOINTS = ['tiny-a', 'tiny-b', 'tiny-c', 'demo'] as const;
/** The weights of tiny-b under the configurations of other releases: only whole edits differ. */
export const SISTERS = ['first-edit', 'edit-2509'] as const;
export type Checkpoint = (typeof CHECKPOINTS)[number] | (typeof SISTERS)[number];

export function checkpointDir(name: Checkpoint): string {
  return name === 'demo' ? demoModel : join(fixtures, 'checkpoints', name);
}

export function golden(...path: string[]): string {
  return join(fixtures, 'goldens', ...path);
}

export function readGoldenJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

export interface GoldenTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** The tensors of a safetensors file, by name; fp32, and int64 as numbers. */
export function readTensors(path: string): Map<string, GoldenTensor> {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, start).toString('utf8')) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const bytes = new Uint8Array(file.subarray(start + data_offsets[0], start + data_offsets[1])).buffer;
    tensors.set(name, {
      shape,
      data: dtype === 'I64' ? Float32Array.from(new BigInt64Array(bytes), Number) : new Float32Array(bytes),
    });
  }
  return tensors;
}

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}

/** One golden edit; its arguments have diffusers' names. */
export interface GoldenEdit {
  readonly arguments: {
    readonly images: readonly string[];
    readonly prompt: string;
    readonly negative_prompt: string | null;
    readonly num_inference_steps: number;
    readonly true_cfg_scale: number;
    readonly seed: string;
    readonly height: number | null;
    readonly width: number | null;
    readonly num_images_per_prompt: number;
    readonly max_side: number;
  };
  readonly condition_image_size: number;
  readonly vae_image_size: number;
  readonly output: { readonly width: number; readonly height: number; readonly pictures: readonly string[] };
  readonly sigmas: readonly number[];
  readonly timesteps: readonly number[];
  readonly input_ids: readonly number[];
  readonly negative_input_ids: readonly number[] | null;
  readonly image_grid_thw: readonly (readonly [number, number, number])[];
  readonly pixel_values: { readonly shape: readonly number[]; readonly sha256: string };
  readonly condition_pictures: readonly Picture[];
  readonly vae_pictures: readonly Picture[];
}

export function goldenEdits(checkpoint: Checkpoint): string[] {
  return readdirSync(golden('edits', checkpoint))
    .filter((file) => file.endsWith('.json'))
    .map((file) => basename(file, '.json'));
}

export function inputBytes(name: string): Buffer {
  return readFileSync(golden('inputs', name.endsWith('.png') ? name : `${name}.png`));
}

export function inputPixels(name: string): Promise<Pixels> {
  return decodeImage(inputBytes(name), name);
}

export function sha256(data: Uint8Array | Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}

/** The largest difference, divided by the largest expected value. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let largest = 0;
  for (let i = 0; i < want.length; i++) largest = Math.max(largest, Math.abs(want[i]!));
  return absoluteError(got, want) / largest;
}

export function absoluteError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const difference = Math.abs(got[i]! - want[i]!);
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

/** Peak signal to noise ratio of two encoded pictures in dB; Infinity if they are equal. */
export async function psnr(got: Uint8Array, want: Uint8Array): Promise<number> {
  const a = await sharp(got).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const b = await sharp(want).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  expect([a.info.width, a.info.height]).toEqual([b.info.width, b.info.height]);
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i]! - b.data[i]!) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / a.data.length));
}
