import { AppError } from '@qwen-edit/contract';

/**
 * What is known of a linear layer's inputs x [k] over many tokens, as a diagonal and a few directions:
 * E[x xᵀ] ≈ diag(variance) + Σ direction directionᵀ. The first direction to take is the mean of the inputs, and `variance` is then
 * their variance by column; further ones are principal components times their standard deviations, taken out of `variance`.
 */
export interface InputMoments {
  /** [k], none negative. */
  readonly variance: Float32Array;
  /** Each [k]. May be empty: then only the weights' importance is known. */
  readonly directions: readonly Float32Array[];
}

/** Columns whose inputs never vary count as if they varied this much of the mean, or rounding errors would all be pushed into them. */
const FLOOR = 1e-4;

export interface Feedback {
  /** E[x²] of each column [k]. */
  readonly importance: Float64Array;
  /** The directions, column after column [k, r]. */
  readonly directions: Float64Array;
  /** By how much of the error made so far along each direction a column is corrected [k, r]. */
  readonly gains: Float64Array;
  readonly rank: number;
}

/**
 * How errors of the columns that are rounded already are made up for by the columns to come. For this form of E[x xᵀ] it is the exact
 * error feedback of GPTQ (arXiv 2210.17323), which sees the remaining columns as still free, at a cost of r instead of k
 * multiplications a weight. Throws AppError `internal` for moments of another width than k or with values that are none.
 */
export function prepareFeedback({ variance, directions }: InputMoments, k: number): Feedback {
  const rank = directions.length;
  if (variance.length !== k || directions.some((direction) => direction.length !== k))
    throw new AppError('internal', `The moments of the inputs do not have ${k} columns.`);
  const importance = Float64Array.from(variance);
  const byColumn = new Float64Array(k * rank);
  directions.forEach((direction, r) => {
    direction.forEach((value, column) => {
      byColumn[column * rank + r] = value;
      importance[column] = importance[column]! + value * value;
    });
  });
  const mean = importance.reduce((sum, value) => sum + value, 0) / k;
  if (!(mean >= 0 && mean < Number.POSITIVE_INFINITY) || variance.some((value) => value < 0))
    throw new AppError('internal', 'The moments of the inputs hold values that are none.');
  // Inputs that are always zero leave every code equally good.
  const floor = mean === 0 ? 1 : FLOOR * mean;
  const gains = new Float64Array(k * rank);
  const seen = new Float64Array(rank);
  /** (I + Σ of direction directionᵀ / variance over the columns to come)⁻¹ [r, r], kept by the Sherman-Morrison formula. */
  const inverse = new Float64Array(rank * rank);
  for (let r = 0; r < rank; r++) inverse[r * rank + r] = 1;
  for (let column = k - 1; column >= 0; column--) {
    importance[column] = Math.max(importance[column]!, floor);
    let pivot = Math.max(variance[column]!, floor);
    for (let r = 0; r < rank; r++) {
      let sum = 0;
      for (let c = 0; c < rank; c++) sum += inverse[r * rank + c]! * byColumn[column * rank + c]!;
      seen[r] = sum;
      pivot += sum * byColumn[column * rank + r]!;
    }
    for (let r = 0; r < rank; r++) {
      gains[column * rank + r] = seen[r]! / pivot;
      for (let c = 0; c < rank; c++) inverse[r * rank + c] = inverse[r * rank + c]! - (seen[r]! * seen[c]!) / pivot;
    }
  }
  return { importance, directions: byColumn, gains, rank };
}
