import { Readable } from 'node:stream';
import { AppError } from '../../packages/contract/src/index.ts';
import type { ObjectStore } from '../../packages/storage/src/index.ts';

/** Objects in memory: as much of a store as a worker uses, for nothing. */
export function createMemoryStore(): ObjectStore {
  const objects = new Map<string, { info: Awaited<ReturnType<ObjectStore['put']>>; bytes: Uint8Array }>();
  const missing = (): never => {
    throw new AppError('internal', 'No worker needs this of its store.');
  };
  return {
    kind: 'file',
    answersSignedUrls: false,
    async put(key, body, { mediaType }) {
      const bytes = body instanceof Uint8Array ? body : missing();
      const info = { key, bytes: bytes.length, etag: '""', mediaType, lastModified: new Date() };
      objects.set(key, { info, bytes });
      return info;
    },
    async get(key) {
      const found = objects.get(key);
      return found && { info: found.info, body: Readable.from([found.bytes]) };
    },
    head: async (key) => objects.get(key)?.info,
    async delete(keys) {
      for (const key of keys) objects.delete(key);
    },
    list: missing,
    presignGet: missing,
    presignPut: missing,
    check: async () => undefined,
    sweepTemporary: missing,
    close: async () => undefined,
  };
}
