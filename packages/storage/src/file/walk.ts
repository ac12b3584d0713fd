import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isKey } from '../names.ts';
import type { ObjectEntry } from '../object-store.ts';
import { canceled } from '../streams.ts';
import { isAbsent } from './file-errors.ts';
import { TRAILER_BYTES } from './trailer.ts';

/** The objects under `root` whose key begins with `prefix`, in the order of the keys' bytes. Links are not followed. */
export async function* walk(root: string, prefix: string, signal?: AbortSignal): AsyncGenerator<ObjectEntry> {
  await lstat(root);
  yield* walkFolder(root, '', prefix, signal);
}

async function* walkFolder(
  root: string,
  folder: string,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectEntry> {
  for (const name of await namesIn(join(root, folder))) {
    if (signal?.aborted) throw canceled(signal);
    const path = `${folder}${name}`;
    if (name.endsWith('/')) {
      if (path.startsWith(prefix) || prefix.startsWith(path)) yield* walkFolder(root, path, prefix, signal);
    } else if (path.startsWith(prefix) && isKey(path)) {
      const entry = await entryOf(root, path);
      if (entry !== undefined) yield entry;
    }
  }
}

/** Folders end in `/`, so that they sort as their keys do: `a-b` before `a/b` before `a0`. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.isFile() ? entry.name : ''));
    return names.filter((name) => name !== '' && isKey(name.replace(/\/$/, ''))).sort(byBytes);
  } catch (thrown) {
    if (isAbsent(thrown)) return [];
    throw thrown;
  }
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Undefined when the object was deleted since its folder was read. */
async function entryOf(root: string, key: string): Promise<ObjectEntry | undefined> {
  try {
    const { size, mtime } = await lstat(join(root, key));
    return { key, bytes: Math.max(0, size - TRAILER_BYTES), lastModified: mtime };
  } catch (thrown) {
    if (isAbsent(thrown)) return undefined;
    throw thrown;
  }
}
