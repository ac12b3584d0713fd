import { randomUUID } from 'node:crypto';
import { mkdir, rename, unlink, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { AppError, endingsOf, fieldError } from '@qwen-edit/contract';

/** A plain file name: no folder, no hidden file, no character at an end that a file system would remove. */
const NAME = /^[\p{L}\p{N}_](?:[\p{L}\p{N} ._-]*[\p{L}\p{N}_])?$/u;
/** File systems allow 255 bytes; the rest is for a number and an ending. */
const MAX_NAME_BYTES = 200;

/** Throws AppError `invalid_parameter` unless `name` names a file of the configured folder itself. */
export function checkOutputName(name: string): void {
  if (NAME.test(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES) return;
  const hint = 'Results are written to one folder: use letters, digits, spaces, ".", "_" and "-", without folders.';
  throw fieldError('output_path', { code: 'wrong_format', rule: 'must be a plain file name' }, { hint });
}

/** The file name of one result: `name` with the ending of its format, and a number from the second result on. */
export function outputFileName(name: string, index: number, mediaType: string): string {
  const endings = endingsOf(mediaType);
  const given = extname(name);
  const fits = endings.some((ending) => given.toLowerCase() === `.${ending}`);
  const stem = fits ? name.slice(0, -given.length) : name;
  return `${stem}${index === 0 ? '' : `-${index + 1}`}${fits ? given : `.${endings[0]}`}`;
}

/**
 * Writes a file whole or not at all. Replaces a file of the same name; a link of that name is replaced, not followed.
 * Returns its absolute path. Throws AppError `disk_full` or `output_unwritable`.
 */
export async function writeOutputFile(folder: string, name: string, bytes: Uint8Array): Promise<string> {
  const path = resolve(folder, name);
  const temporary = join(resolve(folder), `.${randomUUID()}.part`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(temporary, bytes, { flag: 'wx' });
    await rename(temporary, path);
    return path;
  } catch (thrown) {
    await unlink(temporary).catch(() => undefined);
    const full = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC';
    throw new AppError(full ? 'disk_full' : 'output_unwritable', 'The result cannot be written to the folder.', {
      hint: 'Check that the folder for results exists, may be written, and has room. The job has its results too.',
      cause: thrown,
    });
  }
}
