import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { HeavySegment } from './heavy-segments.ts';

const CHUNK = 8 * 2 ** 20;

/**
 * SHA-256 of the weights that a segment is made of, as the checkpoint stores them. The digest of a large model has only samples of its
 * weights: this one tells what was made of a damaged checkpoint from what was made of it after it was mended. Rejects with what the file
 * system says, and when `signal` aborts.
 */
export async function sourceDigest({ weights, layers }: HeavySegment, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const files = new Map<string, FileHandle>();
  const buffer = new Uint8Array(CHUNK);
  try {
    for (const { name, stored } of layers) {
      const { path, offset, byteLength } = weights.get(`${name}.weight`, stored);
      const file = files.get(path) ?? (await open(path, 'r'));
      files.set(path, file);
      for (let done = 0; done < byteLength; ) {
        signal?.throwIfAborted();
        const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, byteLength - done), offset + done);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
        done += bytesRead;
      }
    }
  } finally {
    for (const file of files.values()) await file.close();
  }
  return hash.digest('hex');
}
