import { readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { filesIn } from './files-in.ts';

/** A branch or tag, and the commit that it meant when it was last asked for. */
export interface CachedRef {
  readonly name: string;
  readonly path: string;
  readonly commit: string;
}

/** All refs of a model of the cache, also those with slashes in their names, as `refs/pr/1`. */
export async function readRefs(folder: string): Promise<CachedRef[]> {
  const files = await filesIn(folder);
  const refs = await Promise.all(
    files.map(async ({ path }) => ({
      path: join(path),
      name: relative(folder, path).split(sep).join('/'),
      commit: (await readFile(path, 'utf8').catch(() => '')).trim(),
    })),
  );
  return refs.sort((a, b) => (a.name < b.name ? -1 : 1));
}
