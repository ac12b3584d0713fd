import type { BreakerRules, Database } from '@qwen-edit/db';
import type { SafeFetch } from '@qwen-edit/net';
import type { JobQueue } from '@qwen-edit/queue';
import type { ObjectStore, StoredKind } from '@qwen-edit/storage';
import type { Logger, Metrics } from '@qwen-edit/telemetry';

/** Durations in milliseconds, and counts. */
export interface DispatcherOptions {
  /** Where the API is reached from outside; the job objects of webhooks point there. */
  readonly baseUrl: string;

  /** How often lost leases and passed deadlines are looked for. */
  readonly reapMs: number;
  /** How long a queued job waits before its message counts as lost, if the queue has nearly no messages left. */
  readonly resendMs: number;
  /** With fewer messages than this, the queue counts as nearly empty. */
  readonly resendBelow: number;

  /** How long the relay waits if there was nothing to send. */
  readonly relayIdleMs: number;
  readonly relayBatch: number;
  /** If a dispatcher dies while it sends messages, another takes them over after this. */
  readonly relayLockMs: number;

  /** How often a job's message may come out of the dead-letter queue before the job fails. */
  readonly maxRedrives: number;

  /** Signs the webhooks of jobs that have no secret of their own: `whsec_` and base64. If unset, those are not signed. */
  readonly webhookSecret: string | undefined;
  /** Delays between the attempts of a delivery; after the last of them it has failed. */
  readonly webhookRetryMs: readonly number[];
  /** Time limit of one attempt, from the call to the answer. */
  readonly webhookTimeoutMs: number;
  readonly webhookPollMs: number;
  /** Deliveries under way at the same time, in all and to one receiver. Most of them only wait for an answer. */
  readonly webhookConcurrency: number;
  readonly webhookPerReceiver: number;
  /** A receiver that takes longer to answer counts as slow, and has a smaller part of the slots. */
  readonly webhookSlowMs: number;
  /** When a receiver that does not answer is left alone, for how long at first, and for how long at most. */
  readonly webhookBreaker: BreakerRules;
  /** Open jobs that have no deadline, because an older version accepted them, get one that lies so far ahead. */
  readonly deadlineMs: number;
  /** How long deliveries under way may go on after the dispatcher was told to stop. */
  readonly webhookDrainMs: number;

  /** Age at which a final job is deleted, with its pictures. */
  readonly retentionMs: number;
  /** How long a picture that no job uses is kept. */
  readonly unusedMs: number;
  /** How long an Idempotency-Key is remembered. */
  readonly keysMs: number;
  /** The row of a worker that has not reported for so long is deleted. */
  readonly silentWorkerMs: number;
  /** How a receiver has answered is forgotten if it was not called for so long. */
  readonly silentReceiverMs: number;
  /** Age from which an object without a row is an orphan. A younger one may be about to get its row. */
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
  webhookConcurrency: 1024,
  webhookPerReceiver: 4,
  webhookSlowMs: SECOND,
  webhookBreaker: { failures: 3, firstMs: 5 * SECOND, maxMs: MINUTE },
  deadlineMs: DAY,
  webhookDrainMs: 5 * SECOND,
  retentionMs: 30 * DAY,
  unusedMs: DAY,
  keysMs: DAY,
  silentWorkerMs: 10 * MINUTE,
  silentReceiverMs: 2 * DAY,
  orphanMs: HOUR,
  sweepMs: 5 * MINUTE,
  backoffFirstMs: 100,
  backoffMaxMs: 10 * SECOND,
} as const satisfies Omit<DispatcherOptions, 'baseUrl'>;

export interface DispatcherDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  /** The queue of messages that were delivered too often, if there is one. */
  readonly deadLetters?: JobQueue | undefined;
  /** Posts to the receivers of webhooks, whose addresses are not trusted. */
  readonly net: SafeFetch;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly options: DispatcherOptions;
  /** From 0 to 1, for the jitter of delays. */
  readonly random?: (() => number) | undefined;
  readonly now?: () => Date;
  /** The kinds of objects that the orphan sweep goes through. Default: STORED_KINDS. */
  readonly storedKinds?: readonly StoredKind[];
}
