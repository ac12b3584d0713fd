import type { InputArray } from '../engine/session.ts';
import type { AttentionForm } from '../onnx/attention.ts';
import { createGraph, type Graph, type Value } from '../onnx/graph.ts';
import { randn } from '../sampling/noise.ts';

/** ONNX's numbers of the types that a precision can compute in. */
const ARITHMETIC = { fp32: 1, fp16: 10, bf16: 16 } as const;
export type Arithmetic = keyof typeof ARITHMETIC;

/** Builds one operator on made-up values, which are the same each time. What enters is cast to the arithmetic, what leaves to fp32. */
export interface ProbeGraph {
  readonly graph: Graph;
  /** The device's. */
  readonly attention: AttentionForm;
  /** Values that the graph is given, as activations: normal, or as `fill` says. */
  input(dims: readonly number[], fill?: (i: number) => number): Value;
  /** Whole numbers that the graph is given. */
  indices(values: readonly number[]): Value;
  /** Values in the graph itself, as weights, with a deviation that keeps sums of `count` products near 1. */
  weight(dims: readonly number[], count?: number): Value;
}

/** A graph of one operator, and what it is fed. */
export interface BuiltProbe {
  readonly graph: Graph;
  readonly feeds: Readonly<Record<string, InputArray>>;
}

export function buildProbe(
  build: (p: ProbeGraph) => readonly Value[],
  { attention, arithmetic }: { readonly attention: AttentionForm; readonly arithmetic: Arithmetic },
): BuiltProbe {
  const graph = createGraph('probe');
  const feeds: Record<string, InputArray> = {};
  let seed = 0n;
  const cast = (value: Value, to: number): Value => (arithmetic === 'fp32' ? value : graph.op('Cast', [value], { to }));
  const size = (dims: readonly number[]): number => dims.reduce((product, side) => product * side, 1);
  const normal = (count: number): Float32Array => randn(Math.max(16, count), ++seed).slice(0, count);
  const named = (): string => `x${Object.keys(feeds).length}`;
  const outputs = build({
    graph,
    attention,
    input(dims, fill) {
      const name = named();
      const count = size(dims);
      feeds[name] = {
        data: fill === undefined ? normal(count) : Float32Array.from({ length: count }, (_, i) => fill(i)),
        dims,
      };
      return cast(graph.input(name, dims), ARITHMETIC[arithmetic]);
    },
    indices(values) {
      const name = named();
      feeds[name] = { data: BigInt64Array.from(values, BigInt), dims: [values.length] };
      return graph.input(name, [values.length], 'int64');
    },
    weight(dims, count = 1) {
      const values = normal(size(dims)).map((value) => value / Math.sqrt(count));
      return cast(graph.floats(values, dims), ARITHMETIC[arithmetic]);
    },
  });
  for (const [i, value] of outputs.entries()) {
    const flat = graph.op('Reshape', [cast(value, ARITHMETIC.fp32), graph.ints([-1])]);
    graph.output(`y${i}`, flat, ['n']);
  }
  return { graph, feeds };
}
