import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

type Prefix = 'job' | 'asset' | 'upload' | 'key' | 'worker';

/**
 * A new id: its prefix and a UUIDv7 without hyphens, so that ids sort by the time they were made.
 *
 * @example newId('job') // job_0199d1a3c5f07a3e8b2f6d1c4e5a9b70
 */
export function newId(prefix: Prefix): string {
  return `${prefix}_${v7().replaceAll('-', '')}`;
}

/** A secret that cannot be guessed, 128 bits in hex: the fencing token of a lease, or of a claim on an Idempotency-Key. */
export function newToken(): string {
  return randomBytes(16).toString('hex');
}
