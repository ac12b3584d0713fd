import type { AttentionForm } from '../../packages/pipeline/src/onnx/attention.ts';
import type { Graph, Value } from '../../packages/pipeline/src/onnx/graph.ts';
import type { LinearForm } from '../../packages/pipeline/src/onnx/linear.ts';
import { type HalfType, NUMBER_TYPES } from '../../packages/pipeline/src/onnx/number-types.ts';

/**
 * Numbers of 16 bits on the CPU, which has no arithmetic for them: ONNX Runtime computes such operators in fp32, and drops pairs of casts that
 * would have rounded. Here each number that a form makes in 16 bits is an fp32 number rounded to it, with its range, and sums are in fp32, as
 * in the products of CUDA.
 */
interface HalfFacts {
  readonly type: HalfType;
  /** Bits of fp32's fraction that it lacks. */
  readonly dropped: number;
}

const HALVES: readonly HalfFacts[] = [
  { type: 'fp16', dropped: 13 },
  { type: 'bf16', dropped: 16 },
];
const ofCode = (code: unknown): HalfFacts | undefined => HALVES.find(({ type }) => NUMBER_TYPES[type] === code);

/** The largest number that rounds to one of fp16, its least normal number, and where fp32 is as coarse as fp16's smallest numbers. */
const [LARGEST, LEAST_NORMAL, COARSE] = [65_519, 2 ** -14, 0.75];

export const emulatedLinear =
  (form: LinearForm): LinearForm =>
  (g, x, layer) =>
    form(emulated(g), x, layer);

export const emulatedAttention =
  (form: AttentionForm): AttentionForm =>
  (g, qkv, heads, options) =>
    form(emulated(g), qkv, heads, options);

const known = new WeakMap<Graph, Graph>();

/** The same graph, whose operators over 16 bits are rounded. Forms keep what they share by the graph, so that it is one object. */
function emulated(g: Graph): Graph {
  const made = known.get(g) ?? emulate(g);
  known.set(g, made);
  return made;
}

function emulate(g: Graph): Graph {
  const halves = new Map<string, HalfFacts>();
  const rounded = (x: Value, half: HalfFacts): Value => {
    const y = round(g, x, half);
    halves.set(y.name, half);
    return y;
  };
  return {
    ...g,
    op(type, inputs, attributes) {
      const [x] = inputs;
      if (type === 'Cast' && x !== undefined) {
        const half = ofCode(attributes?.to);
        return half === undefined ? g.op('Identity', [x]) : rounded(x, half);
      }
      const half = inputs.map((each) => each && halves.get(each.name)).find((each) => each !== undefined);
      const y = g.op(type, inputs, attributes);
      return half === undefined ? y : rounded(y, half);
    },
    weight(name, shape, { type, ...use } = {}) {
      const wide = g.weight(name, shape, use);
      const half = HALVES.find((each) => each.type === type);
      return half === undefined ? wide : rounded(wide, half);
    },
  };
}

/** Source: Veltkamp's splitting; Dekker, A Floating-Point Technique for Extending the Available Precision (1971). */
function round(g: Graph, x: Value, { type, dropped }: HalfFacts): Value {
  const split = g.op('Mul', [x, g.floats([2 ** dropped + 1], [1])]);
  const nearest = g.op('Sub', [split, g.op('Sub', [split, x])]);
  if (type === 'bf16') return nearest;
  const coarse = g.floats([COARSE], [1]);
  const small = g.op('Sub', [g.op('Add', [x, coarse]), coarse]);
  const size = g.op('Abs', [x]);
  const less = g.op('Less', [size, g.floats([LEAST_NORMAL], [1])]);
  const more = g.op('Greater', [size, g.floats([LARGEST], [1])]);
  return g.op('Where', [more, g.op('Div', [x, g.floats([0], [1])]), g.op('Where', [less, small, nearest])]);
}
