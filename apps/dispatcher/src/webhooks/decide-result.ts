import type { AttemptResult } from '@qwen-edit/db';

/** What a receiver answered to one attempt. */
export interface DeliveryAnswer {
  /** undefined if there was no answer. */
  readonly status: number | undefined;
  /** The Retry-After header. */
  readonly retryAfter?: string | undefined;
}

export interface DeliveryRules {
  /** Attempts before this one. */
  readonly attempt: number;
  /** Delays between attempts, in milliseconds. */
  readonly retryMs: readonly number[];
  readonly random: () => number;
  readonly now: Date;
}

/** The longest delay that a receiver may ask for. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;
const GONE = 410;
const BUSY = new Set([429, 503]);

/**
 * Decides what follows from an attempt. 2xx: it is delivered. 410: the receiver wants no more, so it has failed. Anything else
 * is tried again by the schedule, a tenth earlier or later, and no sooner than a busy receiver asks; after the last attempt it
 * has failed. Source: Standard Webhooks; Retry-After of RFC 9110, section 10.2.3.
 */
export function decideResult(
  { status = 0, retryAfter }: DeliveryAnswer,
  { attempt, retryMs, random, now }: DeliveryRules,
): AttemptResult {
  if (status >= 200 && status < 300) return { status: 'delivered' };
  const scheduled = retryMs[attempt];
  if (status === GONE || scheduled === undefined) return { status: 'failed' };
  const asked = BUSY.has(status) ? Math.min(MAX_RETRY_AFTER_MS, readRetryAfter(retryAfter, now)) : 0;
  return { status: 'pending', delayMs: Math.round(Math.max(scheduled * (0.9 + 0.2 * random()), asked)) };
}

/** Milliseconds from now; 0 if the header cannot be read or names a time in the past. */
function readRetryAfter(value: string | undefined, now: Date): number {
  if (value === undefined) return 0;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now.getTime();
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}
