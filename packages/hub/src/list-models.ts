import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isHeld } from '@qwen-edit/files';
import { cachePaths, repoOfFolder } from './cache-paths.ts';
import { filesIn } from './files-in.ts';
import { folderCommit, folderLock, folderNotes, readFolderRecord } from './folder-place.ts';
import { missingFiles } from './is-whole.ts';
import { lorasOf } from './lora-files.ts';
import { isNeeded } from './model-files.ts';
import { isCommit } from './model-ref.ts';
import { readRefs } from './refs.ts';
import type { HubSettings } from './settings.ts';
import { readTree } from './tree-file.ts';

/** A model or a repository of LoRAs on this machine, at one commit. */
export interface StoredModel {
  /** null for a folder that was filled by hand. */
  readonly repo: string | null;
  /** Branches and tags that meant this commit when they were last asked for. */
  readonly revisions: readonly string[];
  readonly commit: string | null;
  /** The folder that a pipeline loads, or in which the LoRAs lie. */
  readonly dir: string;
  /** The LoRAs in it, by their paths from there; undefined for a model. */
  readonly loras?: readonly string[] | undefined;
  readonly bytes: number;
  /** What is missing, or has another size than the hub lists. [] for a model that is whole. */
  readonly missing: readonly string[];
  /** True while a process downloads it, or may do so on another machine. */
  readonly downloading: boolean;
}

/** Every model of the cache, and the one of `localDir`, whole or not. Asks the disk alone. */
export async function listModels(
  { cacheDir }: Pick<HubSettings, 'cacheDir'>,
  localDir?: string,
): Promise<StoredModel[]> {
  const names = (await readdir(cacheDir).catch((): string[] => [])).sort();
  const repos = names.flatMap((name) => repoOfFolder(name) ?? []);
  const cached = (await Promise.all(repos.map((repo) => modelsOf(cacheDir, repo)))).flat();
  const local = localDir === undefined ? [] : await localModel(localDir);
  return [...local, ...cached];
}

async function modelsOf(cacheDir: string, repo: string): Promise<StoredModel[]> {
  const paths = cachePaths(cacheDir, repo);
  const snapshots = await readdir(paths.snapshots).catch((): string[] => []);
  const trees = await readdir(join(paths.folder, 'trees')).catch((): string[] => []);
  // A download that was stopped has a list of its files and no snapshot.
  const commits = new Set([...snapshots, ...trees.map((name) => name.replace(/\.json$/, ''))].filter(isCommit));
  const [refs, downloading] = [await readRefs(paths.refs), await isHeld(paths.lock)];
  return Promise.all(
    [...commits].sort().map(async (commit): Promise<StoredModel> => {
      const dir = join(paths.snapshots, commit);
      const missing = await missingFiles(dir, paths.folder, commit);
      const revisions = refs.filter((ref) => ref.commit === commit).map(({ name }) => name);
      const loras = await lorasOf(dir, await readTree(paths.folder, commit));
      const bytes = missing.length === 0 ? await bytesIn(dir) : await bytesOf(paths.blobs, paths.folder, commit, dir);
      return { repo, revisions, commit, dir, loras, bytes, missing, downloading: downloading && missing.length > 0 };
    }),
  );
}

async function localModel(localDir: string): Promise<StoredModel[]> {
  const files = await filesIn(localDir);
  const downloading = await isHeld(folderLock(localDir));
  if (files.length === 0 && !downloading) return [];
  const record = await readFolderRecord(localDir);
  const commit = await folderCommit(localDir);
  return [
    {
      repo: record?.repo ?? null,
      revisions: record === undefined ? [] : [record.revision],
      commit: isCommit(commit) ? commit : null,
      dir: localDir,
      bytes: files.reduce((total, { size }) => total + size, 0),
      missing: await missingFiles(localDir, folderNotes(localDir), commit),
      downloading,
    },
  ];
}

const bytesIn = async (dir: string): Promise<number> =>
  (await filesIn(dir)).reduce((total, { size }) => total + size, 0);

/** What of an unfinished commit is there already, with parts of files. */
async function bytesOf(blobs: string, folder: string, commit: string, dir: string): Promise<number> {
  const tree = (await readTree(folder, commit))?.filter(isNeeded);
  if (tree === undefined) return bytesIn(dir);
  const sizes = await Promise.all(
    [...new Set(tree.map(({ etag }) => etag))].map(async (etag) => {
      const blob =
        (await stat(join(blobs, etag)).catch(() => undefined)) ??
        (await stat(join(blobs, `${etag}.incomplete`)).catch(() => undefined));
      return blob?.size ?? 0;
    }),
  );
  return sizes.reduce((total, size) => total + size, 0);
}
