import { createHash } from 'node:crypto';
import { PICTURE_FORMATS } from '@qwen-edit/contract';
import type { JobResult, Lease } from '@qwen-edit/db';
import type { EditOutput } from '@qwen-edit/pipeline';
import { type ObjectStore, STORED_KINDS } from '@qwen-edit/storage';
import type { Logger } from '@qwen-edit/telemetry';

export type StoredOutput = JobResult['outputs'][number];

/** The results of one attempt in storage. */
export interface Outputs {
  /** Durable when it resolves. Throws AppError `storage_unavailable` or `disk_full`, `canceled` by the signal. */
  put(outputs: readonly EditOutput[], signal: AbortSignal): Promise<StoredOutput[]>;
  /** Deletes what was put, even in part. What the storage does not delete now, the orphan sweep finds later. Never rejects. */
  discard(): Promise<void>;
}

const DISCARD_MS = 10_000;

/** The keys contain the lease's token, so no other attempt of the job can write to them. */
export function createOutputs(store: ObjectStore, lease: Lease, log: Logger): Outputs {
  const started = new Set<string>();
  return {
    async put(outputs, signal) {
      const stored: StoredOutput[] = [];
      for (const [index, { bytes, width, height, format }] of outputs.entries()) {
        const { mediaType, endings } = PICTURE_FORMATS[format];
        const ids = { jobId: lease.jobId, leaseToken: lease.token, index, extension: endings[0] };
        const key = STORED_KINDS.output.keyOf(ids);
        started.add(key);
        await store.put(key, bytes, { mediaType, signal });
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        stored.push({ key, sha256, bytes: bytes.length, mediaType, width, height });
      }
      return stored;
    },
    async discard() {
      if (started.size === 0) return;
      await store.delete([...started], { signal: AbortSignal.timeout(DISCARD_MS) }).catch(() => {
        log.warn(
          { job_id: lease.jobId },
          'results of a lost attempt could not be deleted, they are left to the orphan sweep',
        );
      });
    },
  };
}
