import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { foreignBytes } from './foreign-bytes.ts';
import { LET_READ, MEND_TEXT } from './remedies.ts';

/** Unicode's byte order marks. Editors and shells of Windows write the second one before UTF-16. */
const MARKS = [
  { bytes: [0xef, 0xbb, 0xbf], encoding: 'utf-8' },
  { bytes: [0xff, 0xfe], encoding: 'utf-16le' },
  { bytes: [0xfe, 0xff], encoding: 'utf-16be' },
] as const;

/**
 * The one place that reads text files of a checkpoint: UTF-8, or what a byte order mark says, without the mark and with lines
 * that end in \n. A file that went through an editor or a version control of another system so means what it meant before.
 * undefined if there is no such file. Throws AppError `model_incomplete` for one that cannot be read, and `model_corrupt` for
 * one that is no text, naming `file`.
 */
export async function readTextFile(dir: string, file: string, name = file): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(join(dir, file));
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new AppError('model_incomplete', `${name} cannot be read.`, {
      hint: LET_READ,
      cause,
    });
  }
  return decodeText(bytes, name);
}

/** Reads and parses a JSON file of a checkpoint, as readTextFile does. Throws AppError `model_corrupt` also if it is not JSON. */
export async function readJsonFile(dir: string, file: string, name = file): Promise<unknown> {
  const text = await readTextFile(dir, file, name);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw (
      foreignBytes(Buffer.from(text.slice(0, 512)), name) ??
      new AppError('model_corrupt', `${name} is not JSON.`, { hint: MEND_TEXT, cause })
    );
  }
}

function decodeText(bytes: Uint8Array, name: string): string {
  const encoding = MARKS.find((mark) => mark.bytes.every((byte, i) => bytes[i] === byte))?.encoding ?? 'utf-8';
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw (
      foreignBytes(bytes, name) ??
      new AppError('model_corrupt', `${name} is not a text in ${encoding.toUpperCase()}.`, { hint: MEND_TEXT, cause })
    );
  }
  // UTF-16 without a mark, or a file of which a part was never written.
  if (text.includes('\0'))
    throw new AppError('model_corrupt', `${name} is not a text: it holds NUL characters.`, { hint: MEND_TEXT });
  return text.replaceAll(/\r\n?/g, '\n');
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
