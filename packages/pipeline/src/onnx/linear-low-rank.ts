import type { Graph } from './graph.ts';
import type { LinearForm } from './linear.ts';

/** The name of the input with a matrix of a layer's branch. */
export const branchInput = (layer: string, part: 'down' | 'up'): string => `${layer}.${part}`;

/**
 * The same layers with a branch of low rank beside those that `hasBranch` names: y + x · downᵀ · upᵀ, in fp32. Its matrices
 * are inputs of the graph, down [rank, k] and up [n, rank], so that other ones need no other graph. Source: peft's Linear.
 */
export function lowRankLinear(form: LinearForm, hasBranch: (layer: string) => boolean): LinearForm {
  const inputs = new WeakMap<Graph, Map<string, ReturnType<Graph['input']>>>();
  const inputOf: (g: Graph, name: string, dims: readonly (number | string)[]) => ReturnType<Graph['input']> = (
    g,
    name,
    dims,
  ) => {
    const known = inputs.get(g) ?? new Map<string, ReturnType<Graph['input']>>();
    inputs.set(g, known);
    const value = known.get(name) ?? g.input(name, dims);
    known.set(name, value);
    return value;
  };
  return (g, x, layer) => {
    const y = form(g, x, layer);
    if (!hasBranch(layer.name)) return y;
    const rank = `${layer.name}.rank`;
    const down = inputOf(g, branchInput(layer.name, 'down'), [rank, layer.k]);
    const up = inputOf(g, branchInput(layer.name, 'up'), [layer.n, rank]);
    const low = g.op('Gemm', [x, down], { transB: 1 });
    return g.op('Gemm', [low, up, y], { transB: 1 });
  };
}
