/** The workload that is measured: 512² output, one 512² reference, a prompt with a picture. */
export const SHAPE = { rows: 32, columns: 32, target: 1024, reference: 1024, text: 200 } as const;
const WIDTH = 3072;

const image = SHAPE.target + SHAPE.reference;
const all = image + SHAPE.text;

/** The matrix products of one block as [rows, N, K] and how often each occurs. */
export const PRODUCTS: readonly (readonly [rows: number, n: number, k: number, times: number])[] = [
  [image, WIDTH, WIDTH, 4],
  [image, 4 * WIDTH, WIDTH, 1],
  [image, WIDTH, 4 * WIDTH, 1],
  [SHAPE.text, WIDTH, WIDTH, 4],
  [SHAPE.text, 4 * WIDTH, WIDTH, 1],
  [SHAPE.text, WIDTH, 4 * WIDTH, 1],
];

export const PRODUCT_FLOPS = PRODUCTS.reduce((sum, [m, n, k, times]) => sum + 2 * m * n * k * times, 0);
/** Products and attention. */
export const BLOCK_FLOPS = PRODUCT_FLOPS + 4 * all * all * WIDTH;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
