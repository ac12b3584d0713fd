import type { Database } from '@qwen-edit/db';
import type { SafeFetch } from '@qwen-edit/net';
import type { JobQueue } from '@qwen-edit/queue';
import type { ObjectStore } from '@qwen-edit/storage';
import type { Logger, Metrics } from '@qwen-edit/telemetry';

/** Durations, in milliseconds, and the like. */
export interface DispatcherOptions {
  /** Where the API is reached from outside; the job objects of webhooks point there. */
  readonly baseUrl: string;

  /** How often lost leases and passed deadlines are looked for. */
  readonly reapMs: number;
  /** How long a queued job waits before its message counts as lost, where the queue has nearly none left. */
  readonly resendMs: number;
  /** The queue is nearly empty with fewer messages than this. */
  readonly resendBelow: number;

  /** Pause of the relay when there was nothing to send. */
  readonly relayIdleMs: number;
  readonly relayBatch: number;
  /** A dispatcher that dies with messages leaves them to another after this. */
  readonly relayLockMs: number;

  /** How often a job's message may come out of the dead-letter queue before the job is given up. */
  readonly maxRedrives: number;

  /** Signs webhooks of jobs without a secret of their own: `whsec_` and base64. Without it those are not signed. */
  readonly webhookSecret: string | undefined;
  /** Delays between the attempts of a delivery; when they are used up, it has failed. */
  readonly webhookRetryMs: readonly number[];
  /** From the call to the answer. */
  readonly webhookTimeoutMs: number;
  readonly webhookPollMs: number;
  /** Deliveries under way at once, in all and to one receiver. */
  readonly webhookConcurrency: number;
  readonly webhookPerReceiver: number;
  /** How long deliveries under way may go on after the dispatcher was told to stop. */
  readonly webhookDrainMs: number;

  /** Age at which a final job is deleted, with its pictures. */
  readonly retentionMs: number;
  /** How long a picture is kept that no job uses. */
  readonly unusedMs: number;
  /** How long an Idempotency-Key is remembered. */
  readonly keysMs: number;
  /** A worker that has not reported for so long is forgotten. */
  readonly silentWorkerMs: number;
  /** Age at which an object without a row is no longer one that is about to get its row. */
  readonly orphanMs: number;
  /** How often old jobs and orphans are looked for. */
  readonly sweepMs: number;

  /** Delay after a loop's first failure, and the longest one. */
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const DISPATCHER_DEFAULTS = {
  reapMs: 5 * SECOND,
  resendMs: 2 * MINUTE,
  resendBelow: 10,
  relayIdleMs: 200,
  relayBatch: 100,
  relayLockMs: 30 * SECOND,
  maxRedrives: 3,
  webhookSecret: undefined,
  webhookRetryMs: [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR],
  webhookTimeoutMs: 15 * SECOND,
  webhookPollMs: 500,
  webhookConcurrency: 16,
  webhookPerReceiver: 4,
  webhookDrainMs: 5 * SECOND,
  retentionMs: 30 * DAY,
  unusedMs: DAY,
  keysMs: DAY,
  silentWorkerMs: 10 * MINUTE,
  orphanMs: HOUR,
  sweepMs: 5 * MINUTE,
  backoffFirstMs: 100,
  backoffMaxMs: 10 * SECOND,
} as const satisfies Omit<DispatcherOptions, 'baseUrl'>;

export interface DispatcherDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  /** Where the queue puts messages that came back too often, if it has such a place. */
  readonly deadLetters?: JobQueue | undefined;
  /** Posts to receivers of webhooks, which are strangers. */
  readonly net: SafeFetch;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly options: DispatcherOptions;
  /** From 0 to 1, for the jitter of delays. */
  readonly random?: () => number;
  readonly now?: () => Date;
}
