import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

type Prefix = 'job' | 'asset' | 'upload' | 'key' | 'worker';

/** `job_` and a UUIDv7 without hyphens: sorts by the time of its making. */
export function newId(prefix: Prefix): string {
  return `${prefix}_${v7().replaceAll('-', '')}`;
}

/** A secret that no one guesses: a lease's fencing token, the claim on an Idempotency-Key. 128 bits, hex. */
export function newToken(): string {
  return randomBytes(16).toString('hex');
}
