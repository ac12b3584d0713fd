import type { Duplex } from 'node:stream';

/** One message: a JSON header and its binary parts. */
export interface Frame {
  readonly header: unknown;
  readonly parts: readonly Uint8Array[];
}

/** "QEF1": every frame begins with these bytes. */
const MAGIC = 0x51454631;
const PREFIX_BYTES = 12;
const MAX_HEADER_BYTES = 16 * 1024 * 1024;
const MAX_PARTS = 1024;

/** Writes one frame: prefix (magic, length of the header, number of parts), the length of each part (64 bits), header, parts. */
export function writeFrame(stream: Duplex, header: unknown, parts: readonly Uint8Array[] = []): void {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(PREFIX_BYTES + 8 * parts.length);
  prefix.writeUInt32BE(MAGIC, 0);
  prefix.writeUInt32BE(json.length, 4);
  prefix.writeUInt32BE(parts.length, 8);
  for (const [i, part] of parts.entries()) prefix.writeBigUInt64BE(BigInt(part.length), PREFIX_BYTES + 8 * i);
  stream.cork();
  stream.write(prefix);
  stream.write(json);
  for (const part of parts) stream.write(part);
  stream.uncork();
}

/**
 * Cuts incoming bytes into frames. If the bytes are no frame, `onGarbage` is called once, with what is wrong, and nothing is
 * read after that. `maxPartBytes` limits how much of one frame is kept in memory.
 */
export function readFrames(
  stream: Duplex,
  handlers: { readonly onFrame: (frame: Frame) => void; readonly onGarbage: (what: string) => void },
  maxPartBytes = 2 ** 31,
): void {
  let chunks: Buffer[] = [];
  let have = 0;
  let needed = PREFIX_BYTES;
  let broken = false;

  const fail = (what: string): void => {
    broken = true;
    chunks = [];
    handlers.onGarbage(what);
  };
  /** Sets how many bytes the first frame needs, as far as its prefix is here. Returns its layout when all of them are here. */
  const layout = (bytes: Buffer): { header: number; lengths: number[]; start: number } | undefined => {
    if (bytes.readUInt32BE(0) !== MAGIC) return void fail('bytes that are no message');
    const header = bytes.readUInt32BE(4);
    const count = bytes.readUInt32BE(8);
    if (header > MAX_HEADER_BYTES || count > MAX_PARTS) return void fail('a message of impossible size');
    const start = PREFIX_BYTES + 8 * count;
    needed = start;
    if (bytes.length < needed) return undefined;
    const lengths = Array.from({ length: count }, (_, i) => Number(bytes.readBigUInt64BE(PREFIX_BYTES + 8 * i)));
    const total = lengths.reduce((sum, length) => sum + length, 0);
    if (total > maxPartBytes) return void fail('a message of impossible size');
    needed = start + header + total;
    return bytes.length < needed ? undefined : { header, lengths, start };
  };
  const take = (): boolean => {
    if (broken || have < needed) return false;
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    chunks = [bytes];
    const found = layout(bytes);
    if (found === undefined) return !broken && have >= needed;
    const frame = parseFrame(bytes, found);
    if (frame === undefined) {
      fail('a message whose header is not JSON');
      return false;
    }
    chunks = bytes.length > needed ? [bytes.subarray(needed)] : [];
    have = bytes.length - needed;
    needed = PREFIX_BYTES;
    handlers.onFrame(frame);
    return true;
  };

  stream.on('data', (chunk: Buffer) => {
    if (broken) return;
    chunks.push(chunk);
    have += chunk.length;
    while (take());
  });
}

function parseFrame(bytes: Buffer, at: { header: number; lengths: number[]; start: number }): Frame | undefined {
  const parts: Uint8Array[] = [];
  let offset = at.start + at.header;
  for (const length of at.lengths) {
    parts.push(new Uint8Array(bytes.subarray(offset, offset + length)));
    offset += length;
  }
  try {
    return { header: JSON.parse(bytes.subarray(at.start, at.start + at.header).toString('utf8')), parts };
  } catch {
    return undefined;
  }
}
