import type { Planes } from '../arrays.ts';
import type { Pixels } from '../image/resample.ts';

/** A linear map from the channels of normalised latents to a colour in [-1, 1]. */
interface ColourMap {
  /** [3, C] */
  readonly weights: Float64Array;
  /** [3] */
  readonly bias: Float64Array;
}

/** Fits a ColourMap to pictures whose latents are known. */
export interface ColourFit {
  /** Normalised latents [C, h, w] and the picture that they were made from, [3, h · f, w · f] in [-1, 1]. */
  learn(latents: Planes, picture: Planes): void;
  /** The map that fits best what was learned. At least one picture has to be learned first. */
  map(): ColourMap;
}

/**
 * Weight of the ridge, in variances of a latent: about 1, because latents are normalised. It decides if the pictures
 * tell too little (a flat one, or one of a single latent), and costs 0.2 % of the colour if they tell enough.
 */
const RIDGE = 1e-3;
const COLOURS = 3;

/**
 * Ridge least squares of colours on latents, from sums alone: nothing of a picture is kept. It works for any VAE whose latents
 * keep the place of what they show, so that no checkpoint needs a table of weights.
 */
export function createColourFit(channels: number): ColourFit {
  let count = 0;
  const sums = new Float64Array(channels + COLOURS);
  /** Sums of products: each channel with the channels up to itself, and with the three colours. */
  const products = new Float64Array(channels * channels);
  const crosses = new Float64Array(COLOURS * channels);

  return {
    learn(latents, picture) {
      const area = latents.height * latents.width;
      const colours = boxAverage(picture, latents.height, latents.width);
      count += area;
      for (let c = 0; c < channels; c++) {
        const plane = latents.data.subarray(c * area, (c + 1) * area);
        sums[c]! += sum(plane);
        for (let d = 0; d <= c; d++) products[c * channels + d]! += dot(plane, latents.data, d * area);
        for (let k = 0; k < COLOURS; k++) crosses[k * channels + c]! += dot(plane, colours, k * area);
      }
      for (let k = 0; k < COLOURS; k++) sums[channels + k]! += sum(colours.subarray(k * area, (k + 1) * area));
    },
    map() {
      const means = sums.map((each) => each / count);
      const covariance = new Float64Array(channels * channels);
      let trace = 0;
      for (let c = 0; c < channels; c++) {
        for (let d = 0; d <= c; d++)
          covariance[c * channels + d] = products[c * channels + d]! / count - means[c]! * means[d]!;
        trace += covariance[c * channels + c]!;
      }
      // Relative to the variance as well, so that the matrix can be factored whatever the latents' scale.
      for (let c = 0; c < channels; c++) covariance[c * channels + c]! += RIDGE * (1 + trace / channels);
      const factor = cholesky(covariance, channels);
      const weights = new Float64Array(COLOURS * channels);
      const bias = new Float64Array(COLOURS);
      for (let k = 0; k < COLOURS; k++) {
        const row = weights.subarray(k * channels, (k + 1) * channels);
        const mean = means[channels + k]!;
        for (let c = 0; c < channels; c++) row[c] = crosses[k * channels + c]! / count - means[c]! * mean;
        solve(factor, row);
        bias[k] = mean - dot(row, means, 0);
      }
      return { weights, bias };
    },
  };
}

/** Normalised latents [C, h, w] -> the picture of h × w that the map makes of them. */
export function applyColourMap({ weights, bias }: ColourMap, latents: Planes): Pixels {
  const { channels, width, height } = latents;
  const area = width * height;
  const data = new Uint8ClampedArray(area * COLOURS);
  const values = new Float64Array(area);
  for (let k = 0; k < COLOURS; k++) {
    values.fill(bias[k]!);
    for (let c = 0; c < channels; c++) {
      const weight = weights[k * channels + c]!;
      for (let i = 0; i < area; i++) values[i]! += weight * latents.data[c * area + i]!;
    }
    for (let i = 0; i < area; i++) data[COLOURS * i + k] = (values[i]! * 0.5 + 0.5) * 255;
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** The network's estimate of the clean latents: x - sigma · prediction. Source: flow matching, x = (1 - sigma) · x0 + sigma · noise. */
export function cleanEstimate(latents: Float32Array, prediction: Float32Array, sigma: number): Float32Array {
  return latents.map((value, i) => value - sigma * prediction[i]!);
}

/** [3, H, W] -> [3, height, width]: the mean of each box. */
function boxAverage(picture: Planes, height: number, width: number): Float32Array {
  const down = picture.height / height;
  const across = picture.width / width;
  const out = new Float32Array(COLOURS * height * width);
  for (let y = 0; y < COLOURS * picture.height; y++) {
    const row = Math.floor(y / down) * width;
    for (let x = 0; x < picture.width; x++) out[row + Math.floor(x / across)]! += picture.data[y * picture.width + x]!;
  }
  return out.map((each) => each / (down * across));
}

function sum(values: Float32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** a · b[at …]. */
function dot(a: Float32Array | Float64Array, b: Float32Array | Float64Array, at: number): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[at + i]!;
  return total;
}

/** Lower factor of a symmetric positive matrix [n, n], of which the lower half is read. */
function cholesky(matrix: Float64Array, n: number): Float64Array {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * n + j]!;
      for (let k = 0; k < j; k++) rest -= factor[i * n + k]! * factor[j * n + k]!;
      factor[i * n + j] = i === j ? Math.sqrt(rest) : rest / factor[j * n + j]!;
    }
  }
  return factor;
}

/** Solves factor · factorᵀ · x = values in place. */
function solve(factor: Float64Array, values: Float64Array): void {
  const n = values.length;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) values[i]! -= factor[i * n + j]! * values[j]!;
    values[i]! /= factor[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let j = i + 1; j < n; j++) values[i]! -= factor[j * n + i]! * values[j]!;
    values[i]! /= factor[i * n + i]!;
  }
}
