import { AppError } from '@qwen-edit/contract';
import type { Graph, StoredArray, Value } from './graph.ts';

/** The weight of a linear layer as a precision stores it. */
export interface PreparedLayer {
  /** By their names within the layer, as `data` and `scales`. */
  readonly arrays: Readonly<Record<string, StoredArray>>;
  /** Numbers that its form needs, as how many outliers are kept. */
  readonly settings: Readonly<Record<string, number>>;
}

/** The prepared weight of the layer of this name; undefined if it is computed from the checkpoint's. */
export type FindPrepared = (layer: string) => PreparedLayer | undefined;

/** An array of a prepared weight as a value of a graph. Throws AppError `internal` if the weight has none of this name. */
export function storedOf(g: Graph, { arrays }: PreparedLayer, name: string, dims: readonly number[]): Value {
  const array = arrays[name];
  if (array === undefined) throw new AppError('internal', `A prepared weight has no array ${name}.`);
  return g.stored(array, dims);
}

/** The same weight as it is stored, for a session that does not prepack. */
export function withoutPrepacked(layer: PreparedLayer | undefined): PreparedLayer | undefined {
  if (layer === undefined) return undefined;
  const plain = Object.entries(layer.arrays).map(([name, { prepacked: _, ...array }]) => [name, array] as const);
  return { ...layer, arrays: Object.fromEntries(plain) };
}
