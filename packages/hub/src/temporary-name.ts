import { rename, writeFile } from 'node:fs/promises';

/**
 * The name beside `path` under which it is made, before it is renamed. Always the same: whoever comes after a killed process, and holds the
 * lock, makes it again and leaves none.
 */
export const temporaryName = (path: string): string => `${path}.tmp`;

/** A reader finds the old text or the new one, never a part. */
export async function replaceText(path: string, text: string): Promise<void> {
  const fresh = temporaryName(path);
  await writeFile(fresh, text);
  await rename(fresh, path);
}
