import type { Picture } from './exact-edits.ts';

/** Width and height of the pictures. */
const READING_SIDE = 64;

/** Large enough for a VAE to keep their colours; no multiple of a mosaic's blocks, so that a mosaic changes them. */
const PATCH = 12;
/** Of the light and dark dots on the patches, which a blur takes away. */
const DOT = 4;
/** Found by trying: of 200, the one whose exact edits lie furthest from each other. */
const SEEDS = [166, 5166] as const;

/** Two pictures, all of whose exact edits are far from each other: dotted patches, dark and light, grey and coloured. */
export function readingPictures(): readonly [Picture, Picture] {
  return [drawPatches(SEEDS[0]), drawPatches(SEEDS[1])];
}

function drawPatches(seed: number): Picture {
  const random = createRandom(seed);
  const patches = grid(PATCH, () => {
    const base = random() < 0.5 ? 0.15 + 0.2 * random() : 0.6 + 0.25 * random();
    const spread = random() < 0.3 ? 0 : 0.7;
    return [0, 1, 2].map(() => base + spread * (random() - 0.5));
  });
  const dots = grid(DOT, () => [0.4 * (random() - 0.5)]);
  const data = Float32Array.from({ length: READING_SIDE ** 2 * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % READING_SIDE;
    const y = Math.floor(i / 3 / READING_SIDE);
    return Math.min(1, Math.max(0, patches(x, y)[i % 3]! + dots(x, y)[0]!));
  });
  return { width: READING_SIDE, height: READING_SIDE, data };
}

/** Squares of `size` pixels, each with values of its own; returns those at a pixel. */
function grid(size: number, draw: () => number[]): (x: number, y: number) => number[] {
  const columns = Math.ceil(READING_SIDE / size);
  const squares = Array.from({ length: columns ** 2 }, draw);
  return (x, y) => squares[Math.floor(y / size) * columns + Math.floor(x / size)]!;
}

/** Numbers from 0 to below 1, the same for the same seed. Source: ranqd1 of Numerical Recipes. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
