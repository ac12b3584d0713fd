/** Tokens that a block is measured with. */
export interface BlockShape {
  /** Patches down and across of the result, and of the one reference. */
  readonly side: number;
  readonly text: number;
}

/** The workload of `npm run bench -- --quick`: 512² output, one 512² reference, a prompt with a picture. */
export const SHAPE = { rows: 32, columns: 32, target: 1024, reference: 1024, text: 200 } as const;

/** What blocks are measured with: SHAPE, and the same of 1024², the size of a reference if nothing else is said. */
export const BLOCK_SHAPES: readonly BlockShape[] = [
  { side: SHAPE.rows, text: SHAPE.text },
  { side: 64, text: 300 },
];

/** What the text encoder is measured with: a square picture, and all tokens of the prompt, the picture's among them. */
export const TEXT = { area: 384 * 384, tokens: 265 } as const;

const WIDTH = 3072;

/** The matrix products of one block as [rows, N, K] and how often each occurs. */
function productsOf({ side, text }: BlockShape): (readonly [rows: number, n: number, k: number, times: number])[] {
  return [2 * side * side, text].flatMap((rows) => [
    [rows, WIDTH, WIDTH, 4] as const,
    [rows, 4 * WIDTH, WIDTH, 1] as const,
    [rows, WIDTH, 4 * WIDTH, 1] as const,
  ]);
}

const flopsOf = (products: ReturnType<typeof productsOf>): number =>
  products.reduce((sum, [m, n, k, times]) => sum + 2 * m * n * k * times, 0);

/** Products and attention of one block. */
export const blockFlops = (shape: BlockShape): number =>
  flopsOf(productsOf(shape)) + 4 * (2 * shape.side ** 2 + shape.text) ** 2 * WIDTH;

const SMALL: BlockShape = { side: SHAPE.rows, text: SHAPE.text };
export const PRODUCTS = productsOf(SMALL);
export const PRODUCT_FLOPS = flopsOf(PRODUCTS);
export const BLOCK_FLOPS = blockFlops(SMALL);

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
