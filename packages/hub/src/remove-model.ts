import { lstat, readdir, readlink, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { takeLock } from '@qwen-edit/files';
import { cachedCommit, cachePaths } from './cache-paths.ts';
import { fileError } from './file-errors.ts';
import { filesIn } from './files-in.ts';
import { isCommit, refText } from './model-ref.ts';
import { INDEX_FILE } from './place.ts';
import { readRefs } from './refs.ts';
import type { HubSettings } from './settings.ts';
import { TIMING, type Timing } from './timing.ts';
import { readTree } from './tree-file.ts';

/** What is to be removed, as it is known before. */
export interface Removal {
  /** Commits that go. */
  readonly commits: readonly string[];
  /** Bytes that this frees. What other commits use stays. */
  readonly bytes: number;
  /** Bytes in the store that huggingface_hub shares between models: they stay until `hf cache prune`. */
  readonly sharedBytes: number;
  /** Files and folders, in the order in which they go: a folder is no model any more before its files do. */
  readonly paths: readonly string[];
}

/**
 * What removing a model from the cache takes away: of `revision` the commit that it means, with all its names; without it every commit.
 * Throws AppError `model_not_found`.
 */
export async function planRemoval(
  repo: string,
  revision: string | undefined,
  { cacheDir }: Pick<HubSettings, 'cacheDir'>,
): Promise<Removal> {
  const paths = cachePaths(cacheDir, repo);
  const snapshots = (await readdir(paths.snapshots).catch((): string[] => [])).filter(isCommit);
  const trees = (await readdir(join(paths.folder, 'trees')).catch((): string[] => [])).map((name) =>
    basename(name, '.json'),
  );
  const all = [...new Set([...snapshots, ...trees.filter(isCommit)])];
  const named = revision === undefined ? undefined : await cachedCommit(paths, { repo, revision });
  const commits = revision === undefined ? all : all.filter((commit) => commit === named);
  const there = await lstat(paths.folder).catch(() => undefined);
  if (there === undefined || (revision !== undefined && commits.length === 0))
    throw new AppError('model_not_found', `${refText({ repo, revision: revision ?? 'main' })} is not in ${cacheDir}.`, {
      hint: 'Run `qwen-edit model list` to see what is.',
    });
  const stay = all.filter((commit) => !commits.includes(commit));
  const kept = await contentsOf(paths.folder, stay);
  const blobs = (await readdir(paths.blobs).catch((): string[] => []))
    .filter((name) => stay.length === 0 || !kept.has(name.split('.')[0] ?? name))
    .map((name) => join(paths.blobs, name));
  const refs = (await readRefs(paths.refs)).filter(({ commit }) => commits.includes(commit)).map(({ path }) => path);
  const folders = commits.flatMap((commit) => {
    const dir = join(paths.snapshots, commit);
    return [join(dir, INDEX_FILE), dir, join(paths.folder, 'trees', `${commit}.json`)];
  });
  const sizes = await Promise.all([...blobs, ...(await plainFiles(folders))].map(sizeOnDisk));
  return {
    commits,
    bytes: sizes.reduce((total, { own }) => total + own, 0),
    sharedBytes: sizes.reduce((total, { shared }) => total + shared, 0),
    paths: [...refs, ...folders, ...blobs, ...(stay.length === 0 ? [paths.folder, dirname(paths.lock)] : [])],
  };
}

/**
 * Removes a model from the cache, and with it the contents that no other commit of it uses. Ended in the middle, it can be run again.
 * Errors: `model_busy` while it is downloaded, `model_not_found`, `output_unwritable`; `canceled`.
 */
export async function removeModel(
  ref: { readonly repo: string; readonly revision?: string | undefined },
  settings: Pick<HubSettings, 'cacheDir'>,
  { signal, timing }: { readonly signal: AbortSignal; readonly timing?: Partial<Timing> },
): Promise<Removal> {
  const paths = cachePaths(settings.cacheDir, ref.repo);
  // Before the lock, which would make folders of its own.
  await planRemoval(ref.repo, ref.revision, settings);
  const busy = (): AppError =>
    new AppError('model_busy', `${ref.repo} is being downloaded by another process.`, {
      hint: 'Stop that download, or wait for its end, and then remove the model.',
    });
  try {
    const lock = await takeLock(paths.lock, {
      timing: { ...TIMING, ...timing },
      signal,
      onWait: () => undefined,
      busy,
    });
    try {
      const removal = await planRemoval(ref.repo, ref.revision, settings);
      for (const path of removal.paths) await rm(path, { recursive: true, force: true });
      return removal;
    } finally {
      await lock.release();
    }
  } catch (thrown) {
    throw fileError(paths.folder, thrown);
  }
}

/** The names of all contents that the commits use, or would use if they were whole. */
async function contentsOf(folder: string, commits: readonly string[]): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (const commit of commits) {
    for (const { etag } of (await readTree(folder, commit)) ?? []) names.add(etag);
    for (const path of await linksIn(join(folder, 'snapshots', commit)))
      names.add(basename(resolve(dirname(path), await readlink(path))));
  }
  return names;
}

async function linksIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isSymbolicLink()).map(({ parentPath, name }) => join(parentPath, name));
}

/** Where there are no links, snapshots hold the contents themselves. */
async function plainFiles(dirs: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(dirs.map(async (dir) => (await filesIn(dir)).map(({ path }) => path)));
  const isPlain = await Promise.all(lists.flat().map(async (path) => (await lstat(path)).isFile()));
  return lists.flat().filter((_, i) => isPlain[i] === true);
}

async function sizeOnDisk(path: string): Promise<{ readonly own: number; readonly shared: number }> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSymbolicLink() !== true) return { own: found?.size ?? 0, shared: 0 };
  const target = await realpath(path).catch(() => undefined);
  return { own: 0, shared: target === undefined ? 0 : (await lstat(target)).size };
}
