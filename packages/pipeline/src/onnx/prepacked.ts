import { AppError } from '@qwen-edit/contract';

/** Bytes that ONNX Runtime has laid out for one processor, in the same file as the array that they were made of. */
export interface Prepacked {
  /** ONNX Runtime's name for them: the operator, and a hash of the bytes. */
  readonly key: string;
  readonly offset: number;
  readonly byteLength: number;
}

/**
 * Where the prepacked bytes of each initializer lie, by its name, in the external file of a model that ONNX Runtime saved with
 * `session.save_external_prepacked_constant_initializers`. Field numbers: onnx.proto3 of ONNX 1.17; the value of an entry is
 * `key|offset;length;flag`, as ONNX Runtime's external_data_info.cc writes it. Throws AppError `engine_failed` for another form.
 */
export function readPrepacked(model: Uint8Array): ReadonlyMap<string, Prepacked> {
  const found = new Map<string, Prepacked>();
  for (const graph of messages(model, 7)) {
    for (const initializer of messages(graph, 5)) {
      const [name] = messages(initializer, 8).map(text);
      for (const entry of messages(initializer, 13)) {
        const [key] = messages(entry, 1).map(text);
        const [value] = messages(entry, 2).map(text);
        if (name === undefined || value === undefined || key?.startsWith('prepacked_') !== true) continue;
        const parts = /^([^|]+)\|(\d+);(\d+);\d+$/.exec(value);
        if (key !== 'prepacked_0' || parts === null)
          throw new AppError('engine_failed', `ONNX Runtime saved ${name} in a form that is not known: ${value}.`);
        found.set(name, { key: parts[1]!, offset: Number(parts[2]), byteLength: Number(parts[3]) });
      }
    }
  }
  return found;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** The length-delimited fields with this number. Source: Protocol Buffers, Encoding. */
function messages(bytes: Uint8Array, wanted: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new AppError('engine_failed', 'A model that ONNX Runtime saved is cut off.');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = varint();
      if (field === wanted) found.push(bytes.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}
