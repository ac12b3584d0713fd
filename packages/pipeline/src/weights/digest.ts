import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { Weights } from './weights.ts';

/** Components up to this size are hashed whole, larger ones by the beginning of every tensor. */
const WHOLE_BYTES = 64 * 1024 * 1024;
const SAMPLE_BYTES = 1024;

/** Hash of names, types, shapes and contents of a component's tensors; independent of how it is cut into shards. */
export function weightsDigest(weights: Weights): Buffer {
  const infos = [...weights.tensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const total = infos.reduce((sum, info) => sum + info.byteLength, 0);
  const hash = createHash('sha256');
  const files = new Map<string, number>();
  try {
    for (const { name, dtype, shape, path, offset, byteLength } of infos) {
      const fd = files.get(path) ?? openSync(path, 'r');
      files.set(path, fd);
      const sample = Buffer.alloc(total <= WHOLE_BYTES ? byteLength : Math.min(byteLength, SAMPLE_BYTES));
      readSync(fd, sample, 0, sample.length, offset);
      hash.update(`${name}:${dtype}:${shape}:`).update(sample);
    }
  } finally {
    for (const fd of files.values()) closeSync(fd);
  }
  return hash.digest();
}
