import type { OnnxGraph, OnnxNode } from './read-onnx.ts';

/** ONNX's names of element types, by TensorProto.DataType. */
const NAMES: Readonly<Record<number, string>> = {
  ...{ 1: 'float', 2: 'uint8', 3: 'int8', 6: 'int32', 7: 'int64', 9: 'bool', 10: 'float16', 16: 'bfloat16' },
};

/** Operators whose outputs have another type than their first input. */
const OUTPUTS: Readonly<
  Record<string, (node: OnnxNode, inputs: readonly (string | undefined)[]) => readonly string[]>
> = {
  Cast: ({ ints }) => [nameOf(ints.get('to') ?? 0)],
  Shape: () => ['int64'],
  TopK: (_, [values = '']) => [values, 'int64'],
  QuantizeLinear: (_, [, , zero = 'uint8']) => [zero],
  DequantizeLinear: (_, [, scale = '']) => [scale],
  DynamicQuantizeLinear: () => ['uint8', 'float', 'uint8'],
  MatMulInteger: () => ['int32'],
  MatMulIntegerToFloat: (_, [, , scale = '']) => [scale],
  Where: (_, [, value = '']) => [value],
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Not'].map((op) => [op, () => ['bool']] as const),
  ),
};

/** A node with the element types of its inputs; undefined for one that is left out. */
export interface TypedNode {
  readonly node: OnnxNode;
  readonly inputs: readonly (string | undefined)[];
}

/** Follows element types through a graph, whose nodes stand in the order in which they run. */
export function typedNodes({ nodes, types }: OnnxGraph): TypedNode[] {
  const known = new Map([...types].map(([name, type]) => [name, nameOf(type)]));
  return nodes.map((node) => {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : typeOf(known, name)));
    const outputs = OUTPUTS[node.op]?.(node, inputs) ?? node.outputs.map(() => inputs[0] ?? '');
    for (const [i, name] of node.outputs.entries()) known.set(name, outputs[i] ?? '');
    return { node, inputs };
  });
}

function typeOf(known: ReadonlyMap<string, string>, name: string): string {
  const type = known.get(name);
  if (type === undefined) throw new Error(`The value ${name} is used before it is made.`);
  return type;
}

function nameOf(type: number): string {
  const name = NAMES[type];
  if (name === undefined) throw new Error(`The element type ${type} has no name here.`);
  return name;
}
