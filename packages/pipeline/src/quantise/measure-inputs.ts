import { AppError } from '@qwen-edit/contract';
import type { InputMoments } from './input-moments.ts';

/** How often a direction is refined. Neighbours of equal strength stay mixed, which does not matter: both are taken out in turn. */
const ROUNDS = 8;
/** What is left of a row counts as nothing below this share of the mean square of the rows: it stems from rounding. */
const NOTHING = 1e-12;

/**
 * What `quantiseInt4` wants to know of a layer's inputs, from a sample of them [tokens, k]: with `rank` 0 only the importance of each
 * column, with 1 their mean too, and with more the principal components of what is left, found by power iteration. Takes about
 * 32 · tokens · k multiplications for each component. Throws AppError `internal` for samples that are no whole number of tokens.
 *
 * @example
 * measureInputs(samples, 3072, 8) // variance [3072], 8 directions [3072]
 */
export function measureInputs(samples: Float32Array, k: number, rank: number): InputMoments {
  const tokens = samples.length / k;
  if (!Number.isInteger(tokens) || tokens === 0)
    throw new AppError('internal', `${samples.length} numbers are no inputs of ${k} columns.`);
  const left = Float64Array.from(samples);
  const negligible = NOTHING * (squares(left, 0, left.length) / tokens);
  const directions: Float32Array[] = [];
  if (rank > 0) {
    const mean = new Float64Array(k);
    for (let i = 0; i < left.length; i++) mean[i % k]! += left[i]! / tokens;
    for (let i = 0; i < left.length; i++) left[i]! -= mean[i % k]!;
    directions.push(Float32Array.from(mean));
  }
  while (directions.length < rank) {
    const component = takeOut(left, k, negligible);
    if (component === undefined) break;
    directions.push(component);
  }
  // Not of what is left: components that are not quite refined would make weak columns seem stronger than they are.
  const variance = new Float64Array(k);
  for (let i = 0; i < samples.length; i++) variance[i % k]! += samples[i]! ** 2 / tokens;
  for (const each of directions) for (let i = 0; i < k; i++) variance[i]! -= each[i]! ** 2;
  return { variance: Float32Array.from(variance, (value) => Math.max(value, 0)), directions };
}

/** Finds the strongest component of the rows, times its standard deviation, and removes it from them; undefined if nothing is left. */
function takeOut(left: Float64Array, k: number, negligible: number): Float32Array | undefined {
  const tokens = left.length / k;
  let axis = largestRow(left, k);
  if (squares(axis, 0, k) <= negligible) return undefined;
  const amounts = new Float64Array(tokens);
  for (let round = 0; ; round++) {
    const length = Math.sqrt(squares(axis, 0, k));
    for (let token = 0; token < tokens; token++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += left[token * k + i]! * axis[i]!;
      amounts[token] = sum / length;
    }
    if (round === ROUNDS) {
      axis = axis.map((value) => value / length);
      break;
    }
    axis.fill(0);
    for (let token = 0; token < tokens; token++)
      for (let i = 0; i < k; i++) axis[i]! += amounts[token]! * left[token * k + i]!;
  }
  let power = 0;
  for (let token = 0; token < tokens; token++) {
    power += (amounts[token]! * amounts[token]!) / tokens;
    for (let i = 0; i < k; i++) left[token * k + i]! -= amounts[token]! * axis[i]!;
  }
  return Float32Array.from(axis, (value) => value * Math.sqrt(power));
}

/** A copy of the row with the largest sum of squares: it leans towards the strongest component. */
function largestRow(left: Float64Array, k: number): Float64Array {
  let best = 0;
  let most = -1;
  for (let at = 0; at < left.length; at += k) {
    const sum = squares(left, at, at + k);
    if (sum > most) {
      most = sum;
      best = at;
    }
  }
  return left.slice(best, best + k);
}

function squares(values: Float64Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += values[i]! * values[i]!;
  return sum;
}
