import { createHash } from 'node:crypto';
import { AppError } from '@qwen-edit/contract';
import { claimKey, newToken, noteRequestHash, releaseKey } from '@qwen-edit/db';
import type { ImageSource } from '../body/image-source.ts';
import type { ValidatedSubmission } from '../body/submission.ts';
import type { ApiLimits } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import type { Services } from '../services.ts';
import { sha256Of } from './input-image.ts';

/** A claim on an Idempotency-Key. The transaction that accepts the job completes it. */
export interface KeyHold {
  readonly key: string;
  readonly token: string;
}

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
  throw new AppError('invalid_parameter', 'Idempotency-Key must have 1 to 255 printable ASCII characters.');
}

interface IdempotencyDeps extends Pick<Services, 'database' | 'log'> {
  readonly limits: Pick<ApiLimits, 'idempotencyLockMs'>;
}

/**
 * Has `make` make a job, once for each key of an owner. If the same request comes again, it gets the same job. Throws
 * AppError `idempotency_mismatch` if another request has used the key, `idempotency_in_flight` while the first request
 * still runs. A request that fails leaves the key free.
 */
export async function submitOnce(
  { database, limits, log }: IdempotencyDeps,
  {
    owner,
    key,
    submission,
  }: { readonly owner: string; readonly key: string; readonly submission: ValidatedSubmission },
  make: (hold: KeyHold) => Promise<string>,
): Promise<SubmitOutcome> {
  const token = newToken();
  const claim = await claimKey(database.db, { owner, key }, token, limits.idempotencyLockMs);
  if (claim.outcome === 'busy') throw inFlight();
  const hash = requestHash(submission);
  if (claim.outcome === 'done') {
    if (claim.requestHash !== hash) {
      throw new AppError('idempotency_mismatch', 'The first request with this Idempotency-Key was another one.');
    }
    return { jobId: claim.jobId, replayed: true };
  }
  try {
    if (!(await noteRequestHash(database.db, { owner, key }, token, hash))) throw inFlight();
    return { jobId: await make({ key, token }), replayed: false };
  } catch (thrown) {
    await releaseKey(database.db, { owner, key }, token).catch((failure: unknown) => {
      log.warn({ errors: describeError(failure) }, 'an Idempotency-Key stays claimed for a while');
    });
    throw thrown;
  }
}

/** Digest of a request. A picture counts by its content if that was sent, else by the place that was named. */
export function requestHash({ parameters, options, images }: ValidatedSubmission): string {
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

function inFlight(): AppError {
  return new AppError('idempotency_in_flight', 'An earlier request with this Idempotency-Key is not finished.');
}
