import { basename, dirname, join } from 'node:path';
import { cachedCommit, cachePaths } from './cache-paths.ts';
import { filesIn } from './files-in.ts';
import { folderCommit, folderNotes, readFolderRecord } from './folder-place.ts';
import { isWhole } from './is-whole.ts';
import { isModelTree } from './lora-files.ts';
import { isNeeded } from './model-files.ts';
import { isCommit, type ModelRef } from './model-ref.ts';
import type { HubSettings } from './settings.ts';
import { readTree } from './tree-file.ts';

/**
 * The folder of a model that is whole: each of its files is there, with the size that the hub lists, or, if whoever downloaded it left
 * no list, those that its own indexes name. Asks the disk alone, once for each file. `localDir`: looks there instead of in the cache; what
 * was downloaded there as another model is not this one.
 */
export async function findModel(
  ref: ModelRef,
  settings: Pick<HubSettings, 'cacheDir'>,
  localDir?: string,
): Promise<string | undefined> {
  if (localDir !== undefined) {
    const record = await readFolderRecord(localDir);
    if (record !== undefined && !isOf(record, ref)) return undefined;
    return (await isWhole(localDir, folderNotes(localDir), await folderCommit(localDir))) ? localDir : undefined;
  }
  const paths = cachePaths(settings.cacheDir, ref.repo);
  const commit = await cachedCommit(paths, ref);
  if (commit === undefined) return undefined;
  const dir = join(paths.snapshots, commit);
  return (await isWhole(dir, paths.folder, commit)) ? dir : undefined;
}

const isOf = (record: ModelRef & { readonly commit: string }, { repo, revision }: ModelRef): boolean =>
  record.repo === repo && (record.revision === revision || record.commit === revision);

/** Commit, files and bytes of a model that findModel has found. */
export async function modelFilesOf(
  ref: ModelRef,
  settings: Pick<HubSettings, 'cacheDir'>,
  localDir: string | undefined,
): Promise<{ readonly commit: string; readonly files: number; readonly bytes: number }> {
  const paths = cachePaths(settings.cacheDir, ref.repo);
  const commit = localDir === undefined ? ((await cachedCommit(paths, ref)) ?? '') : await folderCommit(localDir);
  const tree = await readTree(localDir === undefined ? paths.folder : folderNotes(localDir), commit);
  const isListed = tree !== undefined && isModelTree(tree);
  const needed = isListed ? tree.filter(isNeeded) : await filesIn(localDir ?? join(paths.snapshots, commit));
  return { commit, files: needed.length, bytes: needed.reduce((total, { size }) => total + size, 0) };
}

/** What the hub lists for the files of a model folder, by their paths. undefined if nobody left a list. */
export async function expectedFiles(
  dir: string,
): Promise<ReadonlyMap<string, { readonly size: number; readonly sha256: string | null }> | undefined> {
  const commit = basename(dir);
  const isSnapshot = basename(dirname(dir)) === 'snapshots' && isCommit(commit);
  const tree = isSnapshot
    ? await readTree(dirname(dirname(dir)), commit)
    : await readTree(folderNotes(dir), await folderCommit(dir));
  return (
    tree && new Map(tree.filter(isNeeded).map(({ path, size, sha256 }) => [path, { size, sha256: sha256 ?? null }]))
  );
}
