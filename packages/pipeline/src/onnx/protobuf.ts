/** Writes protocol buffer messages: just the wire types that ONNX uses. Source: protobuf.dev/programming-guides/encoding. */
export interface ProtoWriter {
  /** Varint; negative numbers take ten bytes, as int64 does. Unset (undefined) fields are left out. */
  int(field: number, value: number | bigint): ProtoWriter;
  float(field: number, value: number): ProtoWriter;
  bytes(field: number, value: Uint8Array): ProtoWriter;
  string(field: number, value: string): ProtoWriter;
  message(field: number, value: ProtoWriter): ProtoWriter;
  packedInts(field: number, values: readonly (number | bigint)[]): ProtoWriter;
  packedFloats(field: number, values: readonly number[]): ProtoWriter;
  finish(): Uint8Array;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
const encoder = new TextEncoder();

export function createProtoWriter(): ProtoWriter {
  const chunks: Uint8Array[] = [];
  const push = (chunk: Uint8Array): void => {
    chunks.push(chunk);
  };
  const tag = (field: number, wireType: number): void => push(varint(BigInt((field << 3) | wireType)));
  const writer: ProtoWriter = {
    int(field, value) {
      tag(field, VARINT);
      push(varint(BigInt(value)));
      return writer;
    },
    float(field, value) {
      tag(field, FIXED32);
      push(floats([value]));
      return writer;
    },
    bytes(field, value) {
      tag(field, LENGTH_DELIMITED);
      push(varint(BigInt(value.length)));
      push(value);
      return writer;
    },
    string: (field, value) => writer.bytes(field, encoder.encode(value)),
    message: (field, value) => writer.bytes(field, value.finish()),
    packedInts: (field, values) => writer.bytes(field, concat(values.map((value) => varint(BigInt(value))))),
    packedFloats: (field, values) => writer.bytes(field, floats(values)),
    finish: () => concat(chunks),
  };
  return writer;
}

function varint(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

function floats(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setFloat32(4 * i, value, true);
  return new Uint8Array(view.buffer);
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
