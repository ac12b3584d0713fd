/** Latents along the side of a token: a picture and its latents divide into 2 × 2 patches. */
export const PATCH = 2;

/** [C, h, w] -> [h/2 · w/2, 4 C]: 2 × 2 patches become tokens. Source: _pack_latents. */
export function packLatents(latents: Float32Array, channels: number, height: number, width: number): Float32Array {
  const out = new Float32Array(latents.length);
  eachPatchElement(channels, height, width, (packed, plain) => {
    out[packed] = latents[plain]!;
  });
  return out;
}

/** [h/2 · w/2, 4 C] -> [C, h, w]. Source: _unpack_latents. */
export function unpackLatents(packed: Float32Array, channels: number, height: number, width: number): Float32Array {
  const out = new Float32Array(packed.length);
  eachPatchElement(channels, height, width, (from, to) => {
    out[to] = packed[from]!;
  });
  return out;
}

function eachPatchElement(
  channels: number,
  height: number,
  width: number,
  visit: (packed: number, plain: number) => void,
): void {
  let packed = 0;
  for (let y = 0; y < height; y += PATCH) {
    for (let x = 0; x < width; x += PATCH) {
      for (let c = 0; c < channels; c++) {
        for (let dy = 0; dy < PATCH; dy++) {
          for (let dx = 0; dx < PATCH; dx++) visit(packed++, (c * height + y + dy) * width + x + dx);
        }
      }
    }
  }
}

/** (x - mean) / std per channel of [C, h, w]. */
export function normaliseLatents(latents: Float32Array, mean: readonly number[], std: readonly number[]): Float32Array {
  const area = latents.length / mean.length;
  return latents.map((value, i) => {
    const c = Math.floor(i / area);
    return Math.fround(Math.fround(value - Math.fround(mean[c]!)) / Math.fround(std[c]!));
  });
}

/** x / (1 / std) + mean per channel of [C, h, w], with the division that the reference has. */
export function denormaliseLatents(
  latents: Float32Array,
  mean: readonly number[],
  std: readonly number[],
): Float32Array {
  const area = latents.length / mean.length;
  return latents.map((value, i) => {
    const c = Math.floor(i / area);
    return Math.fround(Math.fround(value / Math.fround(1 / Math.fround(std[c]!))) + Math.fround(mean[c]!));
  });
}
