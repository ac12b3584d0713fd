import type { Counter } from 'prom-client';

/** Seconds by owner, of so many owners at most: each would be a series that Prometheus keeps. */
export interface OwnerSeconds {
  /** Adds to those of the owner, or to those of `other` if too many owners have come before. */
  add(owner: string, seconds: number): void;
}

const REST = 'other';

/** Owners get a series of their own in the order in which they come, until `most` have one. */
export function createOwnerSeconds(counter: Counter<'owner'>, most: number): OwnerSeconds {
  const known = new Set<string>();
  return {
    add(owner, seconds) {
      if (known.size < most) known.add(owner);
      counter.inc({ owner: known.has(owner) ? owner : REST }, seconds);
    },
  };
}
