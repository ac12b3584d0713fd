import { createHash } from 'node:crypto';
import type { Weights } from '../weights/weights.ts';
import type { LoraLayer, OpenedLora } from './read-lora.ts';

/** A LoRA that becomes a part of weights. */
export interface MergedLora {
  readonly lora: OpenedLora;
  readonly scale: number;
}

const WEIGHT = '.weight';

/**
 * The same weights, which give those layers that LoRAs change as weight + scale · factor · up · down when they are read. Who points at them in
 * their files sees none of it.
 */
export function mergeLoras(weights: Weights, loras: readonly MergedLora[]): Weights {
  return {
    ...weights,
    read(info) {
      const values = weights.read(info);
      const layer = info.name.endsWith(WEIGHT) ? info.name.slice(0, -WEIGHT.length) : undefined;
      for (const { lora, scale } of loras) {
        const change = layer === undefined ? undefined : lora.layers.get(layer)?.();
        if (change !== undefined) addProduct(values, change, scale);
      }
      return values;
    },
  };
}

/** values [n, k] += scale · factor · up [n, rank] · down [rank, k] */
function addProduct(values: Float32Array, { rank, factor, down, up }: LoraLayer, scale: number): void {
  const k = down.length / rank;
  const n = up.length / rank;
  // In double precision: each sum is rounded once.
  const row = new Float64Array(k);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < k; j++) row[j] = values[i * k + j]!;
    for (let r = 0; r < rank; r++) {
      const weight = up[i * rank + r]! * factor * scale;
      if (weight === 0) continue;
      for (let j = 0; j < k; j++) row[j]! += weight * down[r * k + j]!;
    }
    values.set(row, i * k);
  }
}

/** The digest of a model with LoRAs merged into it; its own without one. */
export function mergedDigest(
  digest: string,
  loras: readonly { readonly sha256: string; readonly scale: number }[],
): string {
  if (loras.length === 0) return digest;
  const hash = createHash('sha256').update(digest);
  for (const { sha256, scale } of loras) hash.update(` ${sha256}@${scale}`);
  return `sha256:${hash.digest('hex')}`;
}
