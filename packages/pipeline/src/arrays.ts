/** An fp32 array with its shape, as networks take and give them. */
export interface FloatArray {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Channel planes [channels, height, width]: a picture in [-1, 1], or its latents. */
export interface Planes {
  readonly data: Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** How many patches or tokens of a picture lie down and across. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** Rows of `width` numbers as a matrix [rows, width]. */
export function rows(data: Float32Array, width: number): FloatArray {
  return { data, dims: [data.length / width, width] };
}

/** One array after the other. */
export function concatenate(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
