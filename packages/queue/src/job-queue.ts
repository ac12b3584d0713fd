export interface OutgoingMessage {
  readonly jobId: string;
  readonly owner: string;
}

/** A message that the caller holds until its visibility ends. It only points at a job. */
export interface JobMessage {
  readonly jobId: string;
  /** How often it was received, this time included. The Postgres queue does not count and always says 1. */
  readonly receiveCount: number;
  /** The queue's own name of this receipt; says nothing to anybody else. */
  readonly receipt: string;
}

export interface ReceiveOptions {
  /** Messages at most, 1 or more. */
  readonly max: number;
  /** How long to wait for the first one. SQS waits in whole seconds, so it may take up to one more. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Tells workers which jobs to look at. It delivers at least once, in no promised order, so that a claim in the database has
 * to decide who runs a job: neither `ack` nor `extend` is ever a fence.
 *
 * Errors: AppError `queue_unavailable`, with a remedy; `migration_needed` of a Postgres queue. A message that is no longer
 * the caller's is no error: `extend`, `ack` and `release` then leave it to whoever has it.
 */
export interface JobQueue {
  readonly kind: 'postgres' | 'sqs';
  /** True where a job's message has to be put into the outbox, from which a relay sends it. */
  readonly relayed: boolean;
  /** Says for each message whether the queue has taken it. Throws only when it has taken none; `canceled` by the signal. */
  send(batch: readonly OutgoingMessage[], signal?: AbortSignal): Promise<readonly boolean[]>;
  /** None after `waitMs`. The signal ends it at once, mostly with none; messages that had just come are still handed out. */
  receive(options: ReceiveOptions): Promise<readonly JobMessage[]>;
  /** Hides the message from others for `ms` from now, if the queue can: SQS ends at 12 hours after the receipt. */
  extend(message: JobMessage, ms: number): Promise<void>;
  /** The message is done with. */
  ack(message: JobMessage): Promise<void>;
  /** Gives the message to anybody, after `delayMs`. */
  release(message: JobMessage, delayMs: number): Promise<void>;
  /** How many messages wait, roughly. Undefined where messages cannot be lost, so that nobody needs to count them. */
  depth(): Promise<number | undefined>;
  /** Proves that the queue can be used. */
  check(signal?: AbortSignal): Promise<void>;
  /** Ends waiting receivers, which get none, and leaves neither sockets nor timers. Later calls of `receive` throw. */
  close(): Promise<void>;
}

/** What of a pino logger is used. Lines carry ids of jobs, never a message's body. */
export interface QueueLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
