import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isCommit, type ModelRef } from './model-ref.ts';

/** Where things lie in the cache of huggingface_hub. Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache */
export interface CachePaths {
  readonly folder: string;
  readonly blobs: string;
  readonly snapshots: string;
  readonly refs: string;
  readonly lock: string;
}

const PREFIX = 'models--';

export function cachePaths(cacheDir: string, repo: string): CachePaths {
  const name = `${PREFIX}${repo.replace('/', '--')}`;
  const folder = join(cacheDir, name);
  return {
    folder,
    blobs: join(folder, 'blobs'),
    snapshots: join(folder, 'snapshots'),
    refs: join(folder, 'refs'),
    lock: join(cacheDir, '.locks', name, 'qwen-edit-pull.lock'),
  };
}

/** The repository of a folder of the cache; undefined for what is none of a model with an owner. */
export function repoOfFolder(name: string): string | undefined {
  const [owner, model, ...more] = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split('--') : [];
  return owner && model && more.length === 0 ? `${owner}/${model}` : undefined;
}

/** The commit that a revision meant when it was last downloaded. */
export async function cachedCommit(paths: CachePaths, { revision }: ModelRef): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(paths.refs, revision), 'utf8').catch(() => '');
  return isCommit(text.trim()) ? text.trim() : undefined;
}
