/** A node of an ONNX graph. */
export interface OnnxNode {
  readonly op: string;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
  /** Names of values; empty for an input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Those that are whole numbers. */
  readonly ints: ReadonlyMap<string, number>;
}

export interface OnnxGraph {
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  /** Element types of inputs and of constants, by name, as TensorProto.DataType numbers them. */
  readonly types: ReadonlyMap<string, number>;
}

interface Field {
  readonly number: number;
  /** Of a varint. */
  readonly value: number;
  /** Of a message, a string or an array. */
  readonly bytes: Uint8Array;
}

const NONE = new Uint8Array();

/** Reads what our builder writes: operators, attributes and element types. Field numbers: onnx.proto3. */
export function readOnnx(model: Uint8Array): OnnxGraph {
  const graph = [...fieldsOf(messageOf(model, 7))];
  const types = new Map<string, number>();
  for (const { number, bytes } of graph) {
    if (number === 5) types.set(stringOf(bytes, 8), intOf(bytes, 2));
    if (number === 11) types.set(stringOf(bytes, 1), intOf(messageOf(messageOf(bytes, 2), 1), 1));
  }
  const opsets = [...fieldsOf(model)].filter(({ number }) => number === 8);
  return {
    opset: intOf(opsets.find(({ bytes }) => stringOf(bytes, 1) === '')?.bytes ?? NONE, 2),
    nodes: graph.filter(({ number }) => number === 1).map(({ bytes }) => nodeOf(bytes)),
    types,
  };
}

function nodeOf(bytes: Uint8Array): OnnxNode {
  const fields = [...fieldsOf(bytes)];
  const strings = (wanted: number): string[] =>
    fields.filter(({ number }) => number === wanted).map((field) => text(field.bytes));
  const attributes = fields.filter(({ number }) => number === 5);
  return {
    op: stringOf(bytes, 4),
    domain: stringOf(bytes, 7),
    inputs: strings(1),
    outputs: strings(2),
    ints: new Map(attributes.map((attribute) => [stringOf(attribute.bytes, 1), intOf(attribute.bytes, 3)])),
  };
}

function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (tag % 8 === 0) {
      yield { number, value: varint(), bytes: NONE };
    } else {
      const length = tag % 8 === 5 ? 4 : varint();
      yield { number, value: 0, bytes: bytes.subarray(at, at + length) };
      at += length;
    }
  }
}

const fieldOf = (bytes: Uint8Array, wanted: number): Field | undefined =>
  [...fieldsOf(bytes)].find(({ number }) => number === wanted);
const messageOf = (bytes: Uint8Array, wanted: number): Uint8Array => fieldOf(bytes, wanted)?.bytes ?? NONE;
const stringOf = (bytes: Uint8Array, wanted: number): string => text(messageOf(bytes, wanted));
const intOf = (bytes: Uint8Array, wanted: number): number => fieldOf(bytes, wanted)?.value ?? 0;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
