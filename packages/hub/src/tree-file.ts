import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { filePath, type ModelFile } from './model-files.ts';
import { replaceText } from './temporary-name.ts';

const FORMAT = 1;
const treeSchema = z.object({
  format_version: z.literal(FORMAT),
  files: z.record(
    filePath,
    z.object({
      size: z.int().min(0),
      blob_id: z.string(),
      lfs_sha256: z.string().nullish(),
      lfs_size: z.int().min(0).nullish(),
      xet_hash: z.string().nullish(),
    }),
  ),
});

const treePath = (folder: string, commit: string): string => join(folder, 'trees', `${commit}.json`);

/**
 * The files of a commit as they were listed, from `trees/COMMIT.json`, which Python's huggingface_hub (2.4) writes and reads
 * too. undefined if there is no such file, or none that can be read: it is then listed again. Source: _tree_cache.py.
 */
export async function readTree(folder: string, commit: string): Promise<ModelFile[] | undefined> {
  const text = await readFile(treePath(folder, commit), 'utf8').catch(() => undefined);
  const tree = text === undefined ? undefined : treeSchema.safeParse(parsed(text)).data;
  if (tree === undefined) return undefined;
  return Object.entries(tree.files).map(([path, file]) => ({
    path,
    size: file.lfs_size ?? file.size,
    etag: file.lfs_sha256 ?? file.blob_id,
    blobId: file.blob_id,
    sha256: file.lfs_sha256 ?? undefined,
    xetHash: file.xet_hash ?? undefined,
  }));
}

/** A reader finds the old file or the new one, never a part. */
export async function writeTree(folder: string, commit: string, files: readonly ModelFile[]): Promise<void> {
  const path = treePath(folder, commit);
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const tree = {
    format_version: FORMAT,
    files: Object.fromEntries(
      sorted.map(({ path, size, blobId, sha256, xetHash }) => [
        path,
        {
          ...{ size, blob_id: blobId },
          ...(sha256 === undefined ? {} : { lfs_sha256: sha256, lfs_size: size }),
          ...(xetHash === undefined ? {} : { xet_hash: xetHash }),
        },
      ]),
    ),
  };
  await mkdir(dirname(path), { recursive: true });
  await replaceText(path, JSON.stringify(tree, undefined, 1));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
