/** Levels of one channel, 0 to 255, row by row. */
export interface Levels {
  readonly width: number;
  readonly height: number;
  readonly data: ArrayLike<number>;
}

const WINDOW = 8;
const STRIDE = 4;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

/**
 * How alike the structure of two pictures is: 1 for equal ones. The mean over windows of 8 × 8 pixels, every fourth one; 0 for other sizes,
 * and for pictures smaller than a window. Source: Wang, Bovik, Sheikh and Simoncelli, 2004, with plain windows.
 */
export function ssim(a: Levels, b: Levels): number {
  if (a.width !== b.width || a.height !== b.height) return 0;
  let sum = 0;
  let windows = 0;
  for (let y = 0; y + WINDOW <= a.height; y += STRIDE) {
    for (let x = 0; x + WINDOW <= a.width; x += STRIDE) {
      sum += windowSsim(a, b, y * a.width + x);
      windows++;
    }
  }
  return windows === 0 ? 0 : sum / windows;
}

function windowSsim(a: Levels, b: Levels, start: number): number {
  let [sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0];
  for (let row = 0; row < WINDOW; row++) {
    for (let column = 0; column < WINDOW; column++) {
      const at = start + row * a.width + column;
      const [p, q] = [a.data[at] ?? 0, b.data[at] ?? 0];
      sumA += p;
      sumB += q;
      squaresA += p * p;
      squaresB += q * q;
      products += p * q;
    }
  }
  const count = WINDOW * WINDOW;
  const [meanA, meanB] = [sumA / count, sumB / count];
  const variances = squaresA / count - meanA ** 2 + (squaresB / count - meanB ** 2);
  const covariance = products / count - meanA * meanB;
  return ((2 * meanA * meanB + C1) * (2 * covariance + C2)) / ((meanA ** 2 + meanB ** 2 + C1) * (variances + C2));
}
