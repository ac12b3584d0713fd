import { createHash } from 'node:crypto';
import type { JobResult, Lease } from '@qwen-edit/db';
import type { EditOutput } from '@qwen-edit/pipeline';
import type { ObjectStore } from '@qwen-edit/storage';
import type { Logger } from '@qwen-edit/telemetry';

export type StoredOutput = JobResult['outputs'][number];

/** The results of one attempt in storage. */
export interface Outputs {
  /** Durable when it resolves. Throws AppError `storage_unavailable` or `disk_full`, `canceled` by the signal. */
  put(outputs: readonly EditOutput[], signal: AbortSignal): Promise<StoredOutput[]>;
  /** Deletes what was put, also in part, as far as the storage lets it; the sweep of orphans finds the rest. Never rejects. */
  discard(): Promise<void>;
}

const EXTENSIONS = { png: 'png', jpeg: 'jpg', webp: 'webp' } as const;
const DISCARD_MS = 10_000;

/** Keys hold the lease's token: no other attempt, before or after, can write to them. */
export function createOutputs(store: ObjectStore, lease: Lease, log: Logger): Outputs {
  const begun: string[] = [];
  return {
    async put(outputs, signal) {
      const stored: StoredOutput[] = [];
      for (const [n, { bytes, width, height, format }] of outputs.entries()) {
        const key = `outputs/${lease.jobId}/${lease.token}/${n}.${EXTENSIONS[format]}`;
        const mediaType = `image/${format}`;
        begun.push(key);
        await store.put(key, bytes, { mediaType, signal });
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        stored.push({ key, sha256, bytes: bytes.length, mediaType, width, height });
      }
      return stored;
    },
    async discard() {
      if (begun.length === 0) return;
      await store.delete(begun, { signal: AbortSignal.timeout(DISCARD_MS) }).catch(() => {
        log.warn({ job_id: lease.jobId }, 'results of a lost attempt could not be deleted, they are left to the sweep');
      });
    },
  };
}
