import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import type { ModelFile } from './model-files.ts';

const BLOCK = 4 * 2 ** 20;

/** The digest that names a file's content: SHA-256, or the id of a git blob, which is SHA-1 over a header and the content. */
export function startDigest({ sha256, size }: Pick<ModelFile, 'sha256' | 'size'>): Hash {
  return sha256 === undefined ? createHash('sha1').update(`blob ${size}\0`) : createHash('sha256');
}

/** Adds the first `length` bytes of an open file. Calls `onBytes` as it goes on. */
export async function digestPart(
  digest: Hash,
  handle: FileHandle,
  length: number,
  { signal, onBytes }: { readonly signal?: AbortSignal | undefined; readonly onBytes?: (count: number) => void },
): Promise<void> {
  const block = Buffer.allocUnsafe(Math.min(BLOCK, Math.max(1, length)));
  for (let at = 0; at < length; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(block, 0, Math.min(block.length, length - at), at);
    if (bytesRead === 0) return;
    digest.update(block.subarray(0, bytesRead));
    at += bytesRead;
    onBytes?.(bytesRead);
  }
}

/** True if the file at `path` has the size and the content that the hub lists. */
export async function isContentOf(path: string, file: ModelFile, signal?: AbortSignal): Promise<boolean> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (handle === undefined) return false;
  try {
    if ((await handle.stat()).size !== file.size) return false;
    const digest = startDigest(file);
    await digestPart(digest, handle, file.size, { signal });
    return digest.digest('hex') === file.etag;
  } finally {
    await handle.close();
  }
}
