import { createHash } from 'node:crypto';

/**
 * Whose encodings an edit may find in the engine's cache and leave there: those of its job's owner, for whom a service without keys has
 * one name. A hash, so that the engine learns no name.
 */
export function ownerScope(owner: string): string {
  return createHash('sha256').update(`owner ${owner}`).digest('hex');
}
