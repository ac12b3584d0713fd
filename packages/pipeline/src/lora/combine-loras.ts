import { concatenate, type FloatArray } from '../arrays.ts';
import type { Lora, LoraLayer } from './read-lora.ts';

/** A LoRA and how strong it is. */
export interface ScaledLora {
  readonly lora: Lora;
  readonly scale: number;
}

/** What all LoRAs of an edit add to a layer: x · downᵀ · upᵀ. */
export interface Branch {
  /** [rank, k], scaled. */
  readonly down: FloatArray;
  /** [n, rank] */
  readonly up: FloatArray;
}

/** The branches of all layers that LoRAs change. Those of several are one: their ranks lie side by side. */
export function combineLoras(loras: readonly ScaledLora[]): ReadonlyMap<string, Branch> {
  const parts = new Map<string, { readonly layer: LoraLayer; readonly scale: number }[]>();
  for (const { lora, scale } of loras)
    for (const [name, layer] of lora.layers) parts.set(name, [...(parts.get(name) ?? []), { layer, scale }]);
  return new Map(
    [...parts].map(([name, each]) => {
      const rank = each.reduce((sum, { layer }) => sum + layer.rank, 0);
      const down = joinRows(each.map(({ layer, scale }) => scaled(layer.down, layer.factor * scale)));
      const up = joinColumns(each.map(({ layer }) => layer));
      const dims = { down: [rank, down.length / rank], up: [up.length / rank, rank] };
      return [name, { down: { data: down, dims: dims.down }, up: { data: up, dims: dims.up } }];
    }),
  );
}

function scaled(values: Float32Array, factor: number): Float32Array {
  return factor === 1 ? values : values.map((value) => value * factor);
}

function joinRows(parts: readonly Float32Array[]): Float32Array {
  const [first] = parts;
  return first !== undefined && parts.length === 1 ? first : concatenate(parts);
}

function joinColumns(layers: readonly LoraLayer[]): Float32Array {
  const [first] = layers;
  if (first !== undefined && layers.length === 1) return first.up;
  const width = layers.reduce((sum, { rank }) => sum + rank, 0);
  const rows = first === undefined ? 0 : first.up.length / first.rank;
  const out = new Float32Array(rows * width);
  let at = 0;
  for (const { up, rank } of layers) {
    for (let row = 0; row < rows; row++) out.set(up.subarray(row * rank, (row + 1) * rank), row * width + at);
    at += rank;
  }
  return out;
}
