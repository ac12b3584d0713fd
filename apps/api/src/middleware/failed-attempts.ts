import { AppError } from '@qwen-edit/contract';
import { createLimiter } from '../limiter.ts';

/** Bounds of wrong keys. */
export interface AttemptLimits {
  /** Wrong keys that an address may send at once, before it has to wait between them. */
  readonly wrongKeys: number;
  /** The same for all addresses together. */
  readonly wrongKeysTogether: number;
  /** Time after which one more wrong key is allowed to an address. */
  readonly wrongKeyMs: number;
}

export interface FailedAttempts {
  /** Looks a key up. While the address has sent too many wrong ones, few are looked up at one time. */
  lookUp<T>(address: string, task: () => Promise<T>): Promise<T>;
  /** Counts a wrong key. Returns the error for it: `unauthorized`, or `too_many_attempts` after too many. */
  failed(address: string, message: string): AppError;
  /** How many addresses are remembered. */
  size(): number;
}

/** Allowed wrong keys grow back with time. Source: the token bucket of RFC 2697, in milliseconds. */
interface Bucket {
  left: number;
  at: number;
}

const MOST_ADDRESSES = 10_000;
const LOOKUPS_AT_ONCE = 2;
const ALL = '*';

/**
 * Slows wrong keys down, for each address and for all together. A right key is always let in, whatever else comes from its
 * address: many people may share one. So a key is looked up even then, but few at one time, to spare the database.
 */
export function createFailedAttempts(
  limits: AttemptLimits,
  now: () => number = () => performance.now(),
): FailedAttempts {
  const buckets = new Map<string, Bucket>();
  const slowly = createLimiter(LOOKUPS_AT_ONCE);

  /** Most wrong keys at once, and the time for one more. */
  const rateOf = (address: string): readonly [number, number] => {
    const { wrongKeys, wrongKeysTogether, wrongKeyMs } = limits;
    return address === ALL
      ? [wrongKeysTogether, (wrongKeyMs * wrongKeys) / wrongKeysTogether]
      : [wrongKeys, wrongKeyMs];
  };

  function allowed(address: string): number {
    const [most, ms] = rateOf(address);
    const bucket = buckets.get(address);
    return bucket === undefined ? most : Math.min(most, bucket.left + (now() - bucket.at) / ms);
  }

  /** Takes one of those that are allowed. Returns the milliseconds until one is, if none was. */
  function take(address: string): number {
    const left = allowed(address);
    if (left < 1) return (1 - left) * rateOf(address)[1];
    // The address that failed last is the last of the map, so that the one that is forgotten has failed longest ago.
    buckets.delete(address);
    buckets.set(address, { left: left - 1, at: now() });
    for (const [oldest] of buckets) {
      if (buckets.size <= MOST_ADDRESSES) break;
      if (oldest !== ALL) buckets.delete(oldest);
    }
    return 0;
  }

  return {
    lookUp: (address, task) => (allowed(address) < 1 || allowed(ALL) < 1 ? slowly(task) : task()),
    failed(address, message) {
      // Who has used up their own takes nothing from what all have together.
      const waitMs = take(address) || take(ALL);
      if (waitMs === 0) return new AppError('unauthorized', message);
      return new AppError('too_many_attempts', 'Too many wrong keys came from this address, or from all together.', {
        retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
      });
    },
    size: () => buckets.size,
  };
}

/**
 * Who sends wrong keys: the address of the connection, never a header, which the sender writes. Who has an IPv6 address has a
 * network of 2^64 of them.
 */
export function attemptAddress(remote: string | undefined): string {
  const address = (remote ?? '').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
