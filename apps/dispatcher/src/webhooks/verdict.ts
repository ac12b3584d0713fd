import type { AttemptResult } from '@qwen-edit/db';

/** What came of one attempt. */
export interface Answer {
  /** undefined where there was none. */
  readonly status: number | undefined;
  /** The Retry-After header. */
  readonly retryAfter?: string | undefined;
}

export interface Rules {
  /** Attempts before this one. */
  readonly attempt: number;
  /** Delays between attempts, in milliseconds. */
  readonly retryMs: readonly number[];
  readonly random: () => number;
  readonly now: Date;
}

/** Longest time that a receiver may ask for. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;
const GONE = 410;
const BUSY = new Set([429, 503]);

/**
 * 2xx is told, 410 wants no more; anything else is tried again by the schedule, a tenth more or less, and no sooner than a busy
 * receiver asks. Source: Standard Webhooks; Retry-After of RFC 9110, section 10.2.3.
 */
export function judge({ status = 0, retryAfter }: Answer, { attempt, retryMs, random, now }: Rules): AttemptResult {
  if (status >= 200 && status < 300) return { status: 'delivered' };
  const scheduled = retryMs[attempt];
  if (status === GONE || scheduled === undefined) return { status: 'failed' };
  const asked = BUSY.has(status) ? Math.min(MAX_RETRY_AFTER_MS, readRetryAfter(retryAfter, now)) : 0;
  return { status: 'pending', delayMs: Math.round(Math.max(scheduled * (0.9 + 0.2 * random()), asked)) };
}

/** Milliseconds from now; 0 for what cannot be read or lies behind. */
function readRetryAfter(value: string | undefined, now: Date): number {
  if (value === undefined) return 0;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now.getTime();
  return Number.isNaN(ms) ? 0 : Math.max(0, ms);
}
