import type { Graph } from './graph.ts';

/**
 * What a form makes of the input of a layer, made once for all layers of a graph that have the same input, such as queries, keys and values.
 * `key` tells inputs apart within a graph.
 */
export function sharedInputs<T>(): (g: Graph, key: string, make: () => T) => T {
  const inputs = new WeakMap<Graph, Map<string, T>>();
  return (g, key, make) => {
    const known = inputs.get(g) ?? new Map<string, T>();
    inputs.set(g, known);
    const input = known.get(key) ?? make();
    known.set(key, input);
    return input;
  };
}
