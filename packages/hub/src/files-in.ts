import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { folderNotes } from './folder-place.ts';

/** Each file below a folder but for the notes about the download. Links are followed. */
export async function filesIn(folder: string): Promise<{ readonly path: string; readonly size: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = await Promise.all(
    entries.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      const found = path.startsWith(folderNotes(folder)) ? undefined : await stat(path).catch(() => undefined);
      return found?.isFile() === true ? [{ path, size: found.size }] : [];
    }),
  );
  return files.flat();
}
