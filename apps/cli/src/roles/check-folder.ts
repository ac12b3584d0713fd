import { randomUUID } from 'node:crypto';
import { mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';

/**
 * Makes a folder if it is missing, and finds out whether files can be written to it. Throws AppError `output_unwritable`, or
 * `disk_full`, which names the setting that the folder comes from.
 */
export async function checkFolder(folder: string, setting: string, mode = 0o777): Promise<void> {
  const path = resolve(folder);
  try {
    await makeFolder(path, mode);
    const probe = join(path, `.check-${randomUUID()}`);
    await (await open(probe, 'wx')).close();
    await unlink(probe);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new AppError('disk_full', `The disk under the folder ${path} of ${setting} is full.`, { cause });
    throw new AppError('output_unwritable', `The folder ${path} of ${setting} cannot be written to (${code}).`, {
      hint: `Let the user that the service runs as write to it, or set ${setting} to another folder.`,
      cause,
    });
  }
}

/**
 * Node's own recursive mkdir never ends where a parent is there and yet answers ENOENT, as /proc and automounted folders do: it
 * makes the parent again and again.
 */
async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST' && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (codeOf(thrown) !== 'ENOENT' || parent === path || (await isThere(parent))) throw thrown;
    await makeFolder(parent, mode);
    await mkdir(path, { mode });
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
