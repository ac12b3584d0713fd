import { relative, sep } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { Dtype, TensorInfo } from '../weights/safetensors.ts';
import type { Weights } from '../weights/weights.ts';
import {
  type AttentionForm,
  type AttentionOptions,
  fusedAttention,
  type Heads,
  type QueriesKeysValues,
} from './attention.ts';
import type { LinearForm, LinearLayer } from './linear.ts';
import { cast, type NumberType } from './number-types.ts';
import type { Prepacked } from './prepacked.ts';
import { createProtoWriter, type ProtoWriter } from './protobuf.ts';

/** A value that flows through a graph. */
export interface Value {
  readonly name: string;
}

/** A dimension: a number, or a name for one that is known only when the graph runs. */
type Dim = number | string;
export type Attributes = Readonly<Record<string, number | string | readonly number[] | { readonly float: number }>>;
type ElementType = 'float' | 'int64' | 'uint8';

/** An array that lies in a file as a graph uses it: `byteLength` bytes from `offset`, row-major, little-endian. */
export interface StoredArray {
  readonly dtype: Dtype | 'I8' | 'U8';
  /** What messages and graphs call it. */
  readonly name: string;
  /** Real path, below the root of the graph's source. */
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
  /** The same values as ONNX Runtime lays them out for this processor, in the same file. A session that prepacks maps these. */
  readonly prepacked?: Prepacked;
}

/** Builds one ONNX file. Nodes are written in the order in which they are added. */
export interface Graph {
  input(name: string, dims: readonly Dim[], type?: ElementType): Value;
  /** Makes `value` an output of the graph under `name`. */
  output(name: string, value: Value, dims: readonly Dim[]): void;
  /** Adds an operator with one output. Attributes: whole numbers are ints, `{ float }` floats, arrays ints. */
  op(type: string, inputs: readonly (Value | undefined)[], attributes?: Attributes): Value;
  /** Adds an operator with `count` outputs. */
  ops(type: string, inputs: readonly (Value | undefined)[], count: number, attributes?: Attributes): Value[];
  floats(values: ArrayLike<number>, dims: readonly number[]): Value;
  ints(values: readonly number[], dims?: readonly number[]): Value;
  /** A constant of unsigned 8-bit integers. */
  bytes(values: readonly number[], dims: readonly number[]): Value;
  /** An array that stays in its file. Its values are not widened. */
  stored(array: StoredArray, dims: readonly number[]): Value;
  /**
   * A weight of the checkpoint, as fp32 unless `use` says another type. Small ones are copied into the graph; larger ones stay in
   * their file, and the graph points at them, with a Cast behind if they are stored in another type.
   */
  weight(name: string, shape: readonly number[], use?: WeightUse): Value;
  /** A linear layer in the form that the precision of the graph's source gives it. Call `linear` of layers.ts. */
  linear(x: Value, layer: LinearLayer): Value;
  /** Attention in the form of the graph's source. Call `attention` of layers.ts. */
  attention(qkv: QueriesKeysValues, heads: Heads, options: AttentionOptions): Value;
  /** Whether convolutions of many channels are computed by Winograd's transforms. */
  readonly winograd: boolean;
  /** Rows `indices` [S] of the table `name` as fp32 [S, D]: only these are read and widened, never the whole table. */
  rows(name: string, shape: readonly number[], indices: Value): Value;
  serialize(): Uint8Array;
}

/** How a graph uses a weight. */
export interface WeightUse {
  /** Another shape; of the same size, unless `first` is given. */
  readonly as?: readonly number[];
  /** Of a weight that is cut along its first axis of `as`: the first row of the part that is used. */
  readonly first?: number | undefined;
  /** Cuts it, or brings it in another order, before it is widened. */
  readonly part?: (stored: Value) => Value;
  /** What it is needed as; default: fp32. */
  readonly type?: NumberType;
}

export interface RepeatedForms {
  readonly linear?: LinearForm | undefined;
  /** Only of the transformer: see decision 39. */
  readonly attention?: AttentionForm | undefined;
}

export interface GraphSource {
  readonly weights: Weights;
  /** Folder to which the paths of the checkpoint's files are relative; all of them lie below it. */
  readonly root: string;
  /** How products with a weight are computed. */
  readonly linear: LinearForm;
  /** How attention is computed; default: by one operator. */
  readonly attention?: AttentionForm | undefined;
  /** See Graph; default: true. */
  readonly winograd?: boolean | undefined;
  /** Forms of the transformer's blocks and of the language model's layers, where they differ. */
  readonly repeated?: RepeatedForms | undefined;
}

/** An input and an output of one ONNX graph cannot have the same name, so that outputs have this suffix in the file. */
export const OUTPUT_SUFFIX = '.out';

const IR_VERSION = 10;
const OPSET = 21;
const ONNX_TYPE = { float: 1, uint8: 2, int64: 7, F32: 1, F16: 10, BF16: 16, I8: 3, U8: 2 } as const;
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;
const STORED_AS: Readonly<Record<Dtype, NumberType>> = { F32: 'fp32', F16: 'fp16', BF16: 'bf16' };
const EXTERNAL = 1;
const INLINE_ELEMENTS = 16_384;
/** Operators of ONNX Runtime's own domain that we use. */
const MICROSOFT = new Set([
  ...['MultiHeadAttention', 'RotaryEmbedding', 'FastGelu', 'QuickGelu'],
  ...['MatMulIntegerToFloat', 'MatMulNBits'],
]);

/** Starts an empty graph whose weights come from `source`. Field numbers: onnx.proto3 of ONNX 1.17. */
export function createGraph(name: string, source?: GraphSource): Graph {
  const proto = createProtoWriter();
  const weights = new Map<string, Value>();
  let values = 0;
  const fresh = (hint: string): Value => ({ name: `${hint}_${values++}` });

  const initializer = (
    value: Value,
    dtype: StoredArray['dtype'] | ElementType,
    dims: readonly number[],
    fill: (tensor: ProtoWriter) => void,
  ): Value => {
    const tensor = createProtoWriter().packedInts(1, dims).int(2, ONNX_TYPE[dtype]).string(8, value.name);
    fill(tensor);
    proto.message(5, tensor);
    return value;
  };

  const needed = (): GraphSource => {
    if (source === undefined) throw new AppError('internal', `The graph ${name} has no checkpoint.`);
    return source;
  };
  const find = (weightName: string, shape: readonly number[]): TensorInfo => needed().weights.get(weightName, shape);
  /** An initializer that lies in a file. */
  const pointAt = (array: StoredArray, dims: readonly number[]): Value =>
    initializer(fresh(array.name), array.dtype, dims, (tensor) => {
      const location = relative(needed().root, array.path).split(sep).join('/');
      const entries = { location, offset: String(array.offset), length: String(array.byteLength) };
      for (const [key, value] of Object.entries(entries))
        tensor.message(13, createProtoWriter().string(1, key).string(2, value));
      if (array.prepacked !== undefined) {
        const { key, offset, byteLength } = array.prepacked;
        const value = `${key}|${offset};${byteLength};0`;
        tensor.message(13, createProtoWriter().string(1, 'prepacked_0').string(2, value));
      }
      tensor.int(14, EXTERNAL);
    });
  const converted = (value: Value, dtype: Dtype, type: NumberType = 'fp32'): Value =>
    STORED_AS[dtype] === type ? value : cast(graph, value, type);

  const graph: Graph = {
    input(inputName, dims, type = 'float') {
      proto.message(11, valueInfo(inputName, type, dims));
      return { name: inputName };
    },
    output(outputName, value, dims) {
      const out = outputName + OUTPUT_SUFFIX;
      proto.message(1, node('Identity', [value], [{ name: out }], {}));
      proto.message(12, valueInfo(out, 'float', dims));
    },
    op(type, inputs, attributes = {}) {
      const out = fresh(type);
      proto.message(1, node(type, inputs, [out], attributes));
      return out;
    },
    ops(type, inputs, count, attributes = {}) {
      const outs = Array.from({ length: count }, () => fresh(type));
      proto.message(1, node(type, inputs, outs, attributes));
      return outs;
    },
    floats(data, dims) {
      const bytes = new Uint8Array(Float32Array.from(data).buffer);
      return initializer(fresh('const'), 'float', dims, (tensor) => tensor.bytes(9, bytes));
    },
    ints(data, dims = [data.length]) {
      const bytes = new Uint8Array(BigInt64Array.from(data, BigInt).buffer);
      return initializer(fresh('const'), 'int64', dims, (tensor) => tensor.bytes(9, bytes));
    },
    bytes(data, dims) {
      return initializer(fresh('const'), 'uint8', dims, (tensor) => tensor.bytes(9, Uint8Array.from(data)));
    },
    stored: (array, dims) => pointAt(array, dims),
    weight(weightName, shape, { as = shape, first, part = asStored, type = 'fp32' } = {}) {
      const key = [weightName, type, first ?? ''].join(' ');
      const known = weights.get(key);
      if (known !== undefined) return known;
      const info = find(weightName, shape);
      const inline = elements(shape) <= INLINE_ELEMENTS && first === undefined;
      const value = inline
        ? converted(part(graph.floats(needed().weights.read(info), as)), 'F32', type)
        : converted(part(pointAt(placed(info, elements(shape), first, as), as)), info.dtype, type);
      weights.set(key, value);
      return value;
    },
    linear: (x, layer) => needed().linear(graph, x, layer),
    winograd: source?.winograd ?? true,
    attention: (qkv, heads, options) => (source?.attention ?? fusedAttention)(graph, qkv, heads, options),
    rows(weightName, shape, indices) {
      const info = find(weightName, shape);
      return converted(graph.op('Gather', [pointAt(info, shape), indices], { axis: 0 }), info.dtype);
    },
    serialize: () =>
      createProtoWriter()
        .int(1, IR_VERSION)
        .string(2, 'qwen-edit')
        .message(8, createProtoWriter().string(1, '').int(2, OPSET))
        .message(8, createProtoWriter().string(1, 'com.microsoft').int(2, 1))
        .message(7, proto.string(2, name))
        .finish(),
  };
  return graph;
}

/** An array of `total` elements, or the part of it that has the shape `as` and begins at row `first`. */
function placed(array: TensorInfo, total: number, first: number | undefined, as: readonly number[]): StoredArray {
  if (first === undefined) return array;
  const width = array.byteLength / total;
  const row = elements(as.slice(1)) * width;
  return { ...array, offset: array.offset + first * row, byteLength: elements(as) * width };
}

const asStored = (stored: Value): Value => stored;

function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function node(
  type: string,
  inputs: readonly (Value | undefined)[],
  outputs: readonly Value[],
  attributes: Attributes,
): ProtoWriter {
  const proto = createProtoWriter();
  for (const input of inputs) proto.string(1, input?.name ?? '');
  for (const output of outputs) proto.string(2, output.name);
  proto.string(3, outputs[0]?.name ?? type).string(4, type);
  for (const [key, value] of Object.entries(attributes)) proto.message(5, attribute(key, value));
  if (MICROSOFT.has(type)) proto.string(7, 'com.microsoft');
  return proto;
}

function attribute(name: string, value: Attributes[string]): ProtoWriter {
  const proto = createProtoWriter().string(1, name);
  if (typeof value === 'number') return proto.int(3, value).int(20, ATTRIBUTE_TYPE.int);
  if (typeof value === 'string') return proto.string(4, value).int(20, ATTRIBUTE_TYPE.string);
  if ('float' in value) return proto.float(2, value.float).int(20, ATTRIBUTE_TYPE.float);
  for (const each of value) proto.int(8, each);
  return proto.int(20, ATTRIBUTE_TYPE.ints);
}

function valueInfo(name: string, type: ElementType, dims: readonly Dim[]): ProtoWriter {
  const shape = createProtoWriter();
  for (const dim of dims) {
    const proto = createProtoWriter();
    shape.message(1, typeof dim === 'number' ? proto.int(1, dim) : proto.string(2, dim));
  }
  const tensor = createProtoWriter().int(1, ONNX_TYPE[type]).message(2, shape);
  return createProtoWriter().string(1, name).message(2, createProtoWriter().message(1, tensor));
}
