import { copyFile, mkdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { errorCode } from '@qwen-edit/files';
import { cachedCommit, cachePaths } from './cache-paths.ts';
import { isContentOf } from './digest.ts';
import { isWhole } from './is-whole.ts';
import type { ModelFile } from './model-files.ts';
import { isCommit, type ModelRef } from './model-ref.ts';
import { INDEX_FILE, indexLast, type ModelPlace } from './place.ts';
import { replaceText, temporaryName } from './temporary-name.ts';

/**
 * The cache that Python's huggingface_hub uses: contents under `blobs/ETAG`, and for each commit a folder of links to them. Partial
 * files are `blobs/ETAG.incomplete`, which huggingface_hub 0.36 goes on with as well.
 */
export function cachePlace(cacheDir: string, ref: ModelRef, commit: string): ModelPlace {
  const paths = cachePaths(cacheDir, ref.repo);
  const dir = join(paths.snapshots, commit);
  const blobOf = ({ etag }: ModelFile): string => join(paths.blobs, etag);
  const partialOf = (file: ModelFile): string => `${blobOf(file)}.incomplete`;
  return {
    ...{ dir, partialOf },
    root: paths.folder,
    bookkeeping: paths.folder,
    async has(file, signal) {
      if (await hasSize(join(dir, file.path), file)) return true;
      if (!(await hasSize(blobOf(file), file))) return false;
      // Of a model that was whole, somebody has removed this file: because it is damaged, most likely, and its content is still here.
      const wasWhole = (await stat(join(dir, INDEX_FILE)).catch(() => undefined)) !== undefined;
      return !wasWhole || isContentOf(blobOf(file), file, signal);
    },
    begin: async () => void (await mkdir(paths.blobs, { recursive: true })),
    keep: (file) => rename(partialOf(file), blobOf(file)),
    async finish(files, leftOut) {
      const left = new Map<string, number>();
      for (const { etag } of files) left.set(etag, (left.get(etag) ?? 0) + 1);
      for (const file of indexLast(files)) {
        const others = (left.get(file.etag) ?? 1) - 1;
        left.set(file.etag, others);
        await point(join(dir, file.path), blobOf(file), file, others === 0);
        // Of another program, that began it while this one had it.
        await rm(partialOf(file), { force: true });
      }
      // A commit of its own needs no name. Some files of a newer commit must not hide a whole model of an older one.
      if (isCommit(ref.revision) || (leftOut.length > 0 && (await hidesWhole()))) return;
      const path = join(paths.refs, ref.revision);
      if ((await cachedCommit(paths, ref)) === commit) return;
      await mkdir(dirname(path), { recursive: true });
      await replaceText(path, commit);
    },
  };

  async function hidesWhole(): Promise<boolean> {
    const former = await cachedCommit(paths, ref);
    if (former === undefined || (await isWhole(dir, paths.folder, commit))) return false;
    return isWhole(join(paths.snapshots, former), paths.folder, former);
  }
}

const hasSize = async (path: string, file: ModelFile): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.size === file.size;

/** Codes of file systems that know no links, and of Windows without the right to make them. */
const NO_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EINVAL',
  'UNKNOWN',
]);

/** Makes a file of the snapshot: a relative link to its blob or, where there are no links, the blob itself, copied if others need it. */
async function point(path: string, blob: string, file: ModelFile, last: boolean): Promise<void> {
  if (await hasSize(path, file)) return;
  await mkdir(dirname(path), { recursive: true });
  const fresh = temporaryName(path);
  await rm(fresh, { force: true });
  try {
    await symlink(relative(dirname(path), blob), fresh);
  } catch (thrown) {
    if (!NO_LINKS.has(errorCode(thrown))) throw thrown;
    if (last) await rename(blob, fresh);
    else await copyFile(blob, fresh);
  }
  await rename(fresh, path).catch(async (thrown: unknown) => {
    await rm(fresh, { force: true });
    throw thrown;
  });
}
