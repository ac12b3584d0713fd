import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';

export interface OutputFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The part of the file system that fills up; tests hand in one that is full. */
export interface OutputDisk {
  readonly writeDurably: (path: string, bytes: Uint8Array) => Promise<void>;
}

const DISK: OutputDisk = { writeDurably };
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Checks before any work that the files can be written. Throws AppError `output_unwritable`. */
export async function checkWritable(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const folder = dirname(path);
    try {
      if (!(await stat(folder)).isDirectory()) throw new AppError('output_unwritable', `${folder} is not a folder.`);
      await access(folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw outputError(error, `The folder ${folder}`);
    }
    const existing = await stat(path).catch(() => undefined);
    if (existing?.isDirectory() === true) throw new AppError('output_unwritable', `${path} is a folder.`);
  }
}

/**
 * Writes all files or none: each beside its place under a hidden name, flushed to the disk, then renamed. On any failure
 * or abort no new file is left. Throws AppError `disk_full`, `output_unwritable` or `canceled`.
 */
export async function writeOutputs(
  files: readonly OutputFile[],
  signal: AbortSignal,
  disk: OutputDisk = DISK,
): Promise<void> {
  const pending = files.map(({ path, bytes }) => ({ path, bytes, temporary: hiddenBeside(path) }));
  const leftovers = new Set<string>();
  try {
    for (const { path, bytes, temporary } of pending) {
      refuseIfAborted(signal);
      leftovers.add(temporary);
      await disk.writeDurably(temporary, bytes).catch((error: unknown) => {
        throw outputError(error, path);
      });
    }
    refuseIfAborted(signal);
    for (const { path, temporary } of pending) {
      await rename(temporary, path).catch((error: unknown) => {
        throw outputError(error, path);
      });
      leftovers.delete(temporary);
      leftovers.add(path);
    }
    leftovers.clear();
  } finally {
    await Promise.all([...leftovers].map((path) => rm(path, { force: true })));
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

function hiddenBeside(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.part`);
}

function refuseIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new AppError('canceled', 'The edit was cancelled.');
}

function outputError(cause: unknown, what: string): AppError {
  if (cause instanceof AppError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (FULL.has(code)) return new AppError('disk_full', `${what} cannot be written: the disk is full.`, { cause });
  return new AppError('output_unwritable', `${what} cannot be written (${code === '' ? String(cause) : code}).`, {
    cause,
  });
}
