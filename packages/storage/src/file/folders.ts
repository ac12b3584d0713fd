import { chmod, lstat, mkdir, open, realpath, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { closeFolder, modesBelow } from './closed-folder.ts';
import { isAbsent } from './file-errors.ts';

/** The folder of objects that are being written. No key can name it. */
export const TEMPORARY = '~tmp';

/** Returns the root with its own links resolved. Creates it if it is missing, and closes it to other users. */
export async function openRoot(folder: string): Promise<string> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  await closeFolder(folder);
  const { folder: mode } = await modesBelow(folder);
  // What a group shares has to be open to that group from the start.
  if (made !== undefined && mode !== 0o700) await chmod(folder, (await lstat(folder)).mode | 0o070);
  await mkdir(join(folder, TEMPORARY), { recursive: true, mode });
  return realpath(folder);
}

/**
 * Throws if a folder between the root and the key is a link, which could lead outside. Returns false if one is missing or is no
 * folder. The tree could change after the check, but whoever can change it needs no link to reach the objects.
 */
export async function hasPlainFolders(root: string, key: string): Promise<boolean> {
  let path = root;
  for (const name of key.split('/').slice(0, -1)) {
    path = join(path, name);
    try {
      const stat = await lstat(path);
      if (stat.isSymbolicLink()) throw linkFound(key);
      if (!stat.isDirectory()) return false;
    } catch (thrown) {
      if (isAbsent(thrown)) return false;
      throw thrown;
    }
  }
  return true;
}

export function linkFound(key: string): AppError {
  return new AppError('storage_unavailable', `There is a symbolic link on the way to the object ${key}.`, {
    hint: 'Remove the link: objects are files and folders only.',
  });
}

/** Makes the entries of a folder, and of the folders above it up to the root, survive a loss of power. */
export async function syncFolders(root: string, folder: string): Promise<void> {
  // Windows does not open folders; NTFS journals their changes by itself.
  if (process.platform === 'win32') return;
  for (let path = folder; ; path = dirname(path)) {
    await syncFolder(path);
    if (path === root) return;
  }
}

async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    // A folder that a delete has removed has no entries to keep.
    if (!isAbsent(thrown)) throw thrown;
  }
}

/** Removes the folders of a deleted key that are empty now. */
export async function removeEmptyFolders(root: string, key: string): Promise<void> {
  for (let path = dirname(join(root, key)); path !== root; path = dirname(path)) {
    try {
      await rmdir(path);
    } catch {
      return;
    }
  }
}
