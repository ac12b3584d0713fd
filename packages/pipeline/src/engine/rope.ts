import type { FloatArray, Grid } from '../arrays.ts';
import { mergeOrder } from '../image/preprocess.ts';

/** Rotary angles of the three networks: cos and sin [tokens, head_dim / 2], computed in fp32 as the references do. */
export interface Angles {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly tokens: number;
  readonly half: number;
}

/** Angles under the names that graphs give them. */
export function anglesInputs({ cos, sin, tokens, half }: Angles): {
  readonly cos: FloatArray;
  readonly sin: FloatArray;
} {
  const dims = [tokens, half];
  return { cos: { data: cos, dims }, sin: { data: sin, dims } };
}

const f = Math.fround;

/** 1 / theta^(2 i / dim), i = 0 … dim / 2 - 1. */
function inverseFrequencies(theta: number, dim: number): Float32Array {
  return Float32Array.from({ length: dim / 2 }, (_, i) => 1 / f(theta ** f((2 * i) / dim)));
}

/** `angle(token, i)` is the angle of channel pair i. */
function fill(tokens: number, half: number, angle: (token: number, i: number) => number): Angles {
  const cos = new Float32Array(tokens * half);
  const sin = new Float32Array(tokens * half);
  for (let token = 0; token < tokens; token++) {
    for (let i = 0; i < half; i++) {
      const value = f(angle(token, i));
      cos[token * half + i] = Math.cos(value);
      sin[token * half + i] = Math.sin(value);
    }
  }
  return { cos, sin, tokens, half };
}

/**
 * Positions [temporal, height, width] of each token: a word advances all three, a picture has a position for each place of its merged grid,
 * and advances them by its longer side. Source: get_rope_index of Qwen2.5-VL.
 */
export function mropePositions(
  length: number,
  imageStarts: readonly number[],
  grids: readonly Grid[],
): [number, number, number][] {
  const positions: [number, number, number][] = [];
  let next = 0;
  while (positions.length < length) {
    const grid = grids[imageStarts.indexOf(positions.length)];
    if (grid === undefined) {
      positions.push([next, next, next]);
      next++;
      continue;
    }
    for (let y = 0; y < grid.rows; y++) {
      for (let x = 0; x < grid.columns; x++) positions.push([next, next + y, next + x]);
    }
    next += Math.max(grid.rows, grid.columns);
  }
  return positions;
}

/** Section s of the frequencies follows axis s of the positions. Source: Qwen2_5_VLRotaryEmbedding. */
export function textAngles(
  positions: readonly (readonly [number, number, number])[],
  theta: number,
  sections: readonly number[],
): Angles {
  const axes = sections.flatMap((size, axis) => Array<number>(size).fill(axis));
  const frequencies = inverseFrequencies(theta, 2 * axes.length);
  return fill(positions.length, axes.length, (token, i) => positions[token]![axes[i]!]! * frequencies[i]!);
}

const VISION_THETA = 10_000;

/** First half of the frequencies by row, second by column, in merge-block order. Source: Qwen2_5_VLVisionRotaryEmbedding. */
export function visionAngles(grid: Grid, merge: number, headDim: number): Angles {
  const places = [...mergeOrder(grid.rows, grid.columns, merge)];
  const frequencies = inverseFrequencies(VISION_THETA, headDim / 2);
  const quarter = frequencies.length;
  return fill(
    places.length,
    2 * quarter,
    (token, i) => places[token]![i < quarter ? 0 : 1] * frequencies[i % quarter]!,
  );
}

const TRANSFORMER_THETA = 10_000;

/**
 * Joint angles [text, target, references]. A picture of index k has frame k and rows and columns centred on 0; text starts
 * where the largest picture ends and counts on all three axes. Source: QwenEmbedRope with scale_rope.
 */
export function transformerAngles(textTokens: number, pictures: readonly Grid[], axes: readonly number[]): Angles {
  const frequencies = axes.map((dim) => inverseFrequencies(TRANSFORMER_THETA, dim));
  const channels = frequencies.flatMap((values, axis) => Array.from(values, (frequency) => ({ axis, frequency })));
  const first = Math.max(...pictures.map((p) => Math.max(Math.floor(p.rows / 2), Math.floor(p.columns / 2))));
  const positions: (readonly [number, number, number])[] = [];
  for (let i = 0; i < textTokens; i++) positions.push([first + i, first + i, first + i]);
  for (const [frame, { rows, columns }] of pictures.entries()) {
    const top = -(rows - Math.floor(rows / 2));
    const left = -(columns - Math.floor(columns / 2));
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) positions.push([frame, top + y, left + x]);
    }
  }
  return fill(positions.length, channels.length, (token, i) => {
    const { axis, frequency } = channels[i]!;
    return positions[token]![axis]! * frequency;
  });
}
