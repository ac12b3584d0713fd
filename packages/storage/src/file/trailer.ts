import type { FileHandle } from 'node:fs/promises';

/**
 * A stored file is the content, so that a viewer can open it, followed by one trailer of fixed size. Content and facts appear
 * together with one rename, and a file that has lost its end is noticed.
 */
export const TRAILER_BYTES = 512;

export interface Trailer {
  readonly mediaType: string;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Of the content. */
  readonly bytes: number;
}

const LAYOUT = /^\nqwen-edit object 1\nmedia-type: ([^\n]+)\nsha-256: ([0-9a-f]{64})\nbytes: (\d+)\n *\n$/;

/** `mediaType` must fit: at most 200 characters of ASCII. */
export function encodeTrailer({ mediaType, sha256, bytes }: Trailer): Uint8Array {
  const text = `\nqwen-edit object 1\nmedia-type: ${mediaType}\nsha-256: ${sha256}\nbytes: ${bytes}\n`;
  return Buffer.from(`${text.padEnd(TRAILER_BYTES - 1)}\n`, 'latin1');
}

/** Undefined when the last bytes of a file of `size` bytes are no trailer that fits. */
export async function readTrailer(file: FileHandle, size: number): Promise<Trailer | undefined> {
  if (size < TRAILER_BYTES) return undefined;
  const tail = Buffer.alloc(TRAILER_BYTES);
  await file.read(tail, 0, TRAILER_BYTES, size - TRAILER_BYTES);
  const [, mediaType, sha256, digits] = LAYOUT.exec(tail.toString('latin1')) ?? [];
  const bytes = Number(digits);
  if (mediaType === undefined || sha256 === undefined || bytes !== size - TRAILER_BYTES) return undefined;
  return { mediaType, sha256, bytes };
}
