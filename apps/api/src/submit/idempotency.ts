import { createHash } from 'node:crypto';
import { AppError, fieldError } from '@qwen-edit/contract';
import type { ImageSource } from '../body/image-source.ts';
import type { ValidatedSubmission } from '../body/submission.ts';
import type { Services } from '../services.ts';
import { sha256Of } from './input-image.ts';
import { holdKey, type KeyHold } from './key-hold.ts';

/** The job of a request. */
export interface SubmitOutcome {
  readonly jobId: string;
  /** True if an earlier request made the job. */
  readonly replayed: boolean;
}

const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

/**
 * The Idempotency-Key of a request. Throws AppError `invalid_parameter`. Source:
 * draft-ietf-httpapi-idempotency-key-header.
 */
export function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || PRINTABLE.test(header)) return header;
  throw fieldError('Idempotency-Key', {
    code: 'wrong_format',
    rule: 'must have 1 to 255 printable ASCII characters',
  });
}

/**
 * Has `make` make a job, once for each key of an owner. If the same request comes again, it gets the same job, unless that failed
 * for a reason that may pass: then it makes another one. Throws AppError `idempotency_mismatch` if another request has used
 * the key, `idempotency_in_flight` while the first request still runs. A request that fails leaves the key free.
 */
export async function submitOnce(
  deps: Pick<Services, 'database' | 'limits' | 'log'>,
  { owner, key, requestHash }: { readonly owner: string; readonly key: string; readonly requestHash: string },
  make: (hold: KeyHold) => Promise<string>,
): Promise<SubmitOutcome> {
  const held = await holdKey(deps, owner, key, requestHash);
  switch (held.outcome) {
    case 'busy':
      throw new AppError('idempotency_in_flight', 'An earlier request with this Idempotency-Key is not finished.', {
        retryAfterSeconds: Math.max(1, Math.ceil(held.waitMs / 1000)),
      });
    case 'done':
      if (held.requestHash !== requestHash) {
        throw new AppError('idempotency_mismatch', 'The first request with this Idempotency-Key was another one.');
      }
      return { jobId: held.jobId, replayed: true };
    case 'mine':
      try {
        const jobId = await make(held.hold);
        held.hold.stop();
        return { jobId, replayed: false };
      } catch (thrown) {
        await held.hold.release();
        throw thrown;
      }
  }
}

/** Digest of a request. A picture counts by its content if that was sent, else by the place that was named. */
export function requestHashOf({ parameters, options, images }: ValidatedSubmission): string {
  const request = { parameters, options, images: images.map(identityOf) };
  return createHash('sha256').update(canonicalJson(request)).digest('hex');
}

function identityOf(source: ImageSource): string {
  switch (source.kind) {
    case 'bytes':
      return `sha256:${sha256Of(source.bytes)}`;
    case 'url':
      return `url:${source.url}`;
    case 'upload':
      return `upload:${source.id}`;
  }
}

/** JSON with the members of each object in the order of their names. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
