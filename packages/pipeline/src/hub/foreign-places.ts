import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The names in a folder; none if it cannot be read. */
export function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).then(
    (names) => names.sort(),
    () => [],
  );
}

export function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
}

const MODEL_INDEX = 'model_index.json';
/** Folders of a folder that are looked into; a home folder has hundreds. */
const LOOKED_INTO = 100;

/** Model folders that lie directly in `dir`. */
export async function modelsBelow(dir: string, names: readonly string[]): Promise<string[]> {
  const paths = names.slice(0, LOOKED_INTO).map((name) => join(dir, name));
  const found = await Promise.all(paths.map((path) => isFile(join(path, MODEL_INDEX))));
  return paths.filter((_, i) => found[i] === true);
}

/** What a cache of Hugging Face holds. */
export interface HubCache {
  /** Snapshots that hold a model_index.json; those of repositories with "Qwen-Image-Edit" in their name come first. */
  readonly snapshots: readonly string[];
}

/**
 * Recognises a cache of Hugging Face, or a part of it: HF_HOME, its folder `hub`, one repository's `models--owner--name`, or
 * that one's `snapshots`. undefined if the folder is none.
 */
export async function hubCacheAt(dir: string, names: readonly string[]): Promise<HubCache | undefined> {
  if (names.includes('snapshots') && (names.includes('blobs') || names.includes('refs')))
    return { snapshots: await snapshotsOf(dir) };
  const repositories = names.filter((name) => name.startsWith('models--'));
  if (repositories.length > 0) {
    const fits = (name: string): number => (/qwen-image-edit/i.test(name) ? 0 : 1);
    const ordered = repositories.sort((a, b) => fits(a) - fits(b)).slice(0, LOOKED_INTO);
    return { snapshots: (await Promise.all(ordered.map((name) => snapshotsOf(join(dir, name))))).flat() };
  }
  if (!names.includes('hub')) return undefined;
  const hub = join(dir, 'hub');
  const below = await namesIn(hub);
  return below.some((name) => name.startsWith('models--')) ? hubCacheAt(hub, below) : undefined;
}

/** Whole snapshots of a repository; the one that the branch main stands for comes first. */
async function snapshotsOf(repository: string): Promise<string[]> {
  const main = (await readFile(join(repository, 'refs/main'), 'utf8').catch(() => '')).trim();
  const folder = join(repository, 'snapshots');
  const commits = await namesIn(folder);
  const models = await modelsBelow(
    folder,
    commits.sort((a, b) => Number(b === main) - Number(a === main)),
  );
  return models;
}

const UNFINISHED = /\.(incomplete|part|crdownload|aria2|download|partial)$/;

/** A file that a download has left unfinished, by its path in `dir`; undefined if there is none. */
export async function unfinishedDownload(dir: string, names: readonly string[]): Promise<string | undefined> {
  const own = names.find((name) => UNFINISHED.test(name));
  if (own !== undefined) return own;
  for (const folder of ['.cache/huggingface/download', 'blobs']) {
    const below = await readdir(join(dir, folder), { recursive: true }).catch((): string[] => []);
    const found = below.find((name) => UNFINISHED.test(name));
    if (found !== undefined) return join(folder, found);
  }
  return undefined;
}
