import { realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { listModels } from '@qwen-edit/hub';
import { inspectModel, listPrepared, type StoredPrepared } from '@qwen-edit/pipeline';
import type { Config } from '../settings.ts';
import { expandHome, weightCacheDir } from './cache-folders.ts';

/** A model of the hub, or a folder. `commits`: those that go; without them all, whether or not they are still here. */
export type PreparedModel =
  | { readonly dir: string }
  | { readonly repo: string; readonly revision: string | undefined; readonly commits: readonly string[] | undefined };

/**
 * What was prepared of a model: of its folder, and of a copy with the same digest that is gone by now. What was made of a copy that is still
 * there stays, as that copy uses it.
 */
export async function preparedOf(
  model: PreparedModel,
  config: Pick<Config, 'weightCacheDir' | 'userCacheDir'>,
  { cacheDir }: { readonly cacheDir: string },
): Promise<StoredPrepared[]> {
  const all = await listPrepared(weightCacheDir(config));
  if (all.length === 0) return [];
  const dirs = 'dir' in model ? [resolve(expandHome(model.dir))] : await foldersOf(model, cacheDir);
  const sources = await Promise.all(dirs.map(realFolder));
  const digests = new Set(await Promise.all(dirs.map(digestOf)));
  const found: StoredPrepared[] = [];
  for (const each of all) {
    const isOwn = sources.some((source) => each.source === source || each.source.startsWith(source + sep));
    if (isOwn || (digests.has(each.base ?? each.digest) && !(await isThere(each.source)))) found.push(each);
  }
  return found;
}

/** Folders of the commits; of all, the one above, which holds those too that are gone. */
async function foldersOf(
  { repo, revision, commits }: Extract<PreparedModel, { repo: string }>,
  cacheDir: string,
): Promise<string[]> {
  const snapshots = join(cacheDir, `models--${repo.replace('/', '--')}`, 'snapshots');
  if (commits !== undefined && revision !== undefined) return commits.map((commit) => join(snapshots, commit));
  if (revision !== undefined) return [join(snapshots, revision)];
  const models = await listModels({ cacheDir });
  return [snapshots, ...models.filter((model) => model.repo === repo).map(({ dir }) => dir)];
}

/** The real path of a folder, which may be gone while one above it is there. */
async function realFolder(path: string): Promise<string> {
  const real = await realpath(path).catch(() => undefined);
  if (real !== undefined || dirname(path) === path) return real ?? path;
  return join(await realFolder(dirname(path)), path.slice(dirname(path).length));
}

/** undefined for a model that is not whole. */
const digestOf = (dir: string): Promise<string | undefined> =>
  inspectModel(dir).then(
    ({ digest }) => digest,
    () => undefined,
  );

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
