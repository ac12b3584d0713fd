import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The path itself, or the nearest above it that exists. */
export async function nearestFolder(path: string): Promise<string> {
  const parent = dirname(path);
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  return exists || parent === path ? path : nearestFolder(parent);
}

/** True for a folder in which this user may make files. */
export async function mayWriteInto(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isDirectory() !== true) return false;
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}
