/** A message to send: the job to look at, and its owner, by whom a queue may share its capacity. */
export interface OutgoingMessage {
  readonly jobId: string;
  readonly owner: string;
}

/** A message that the caller holds until its visibility ends. It only names a job. */
export interface JobMessage {
  readonly jobId: string;
  /** How often it was received, including this time. The Postgres queue does not count and always says 1. */
  readonly receiveCount: number;
  /** The queue's own name for this receipt. Only the queue understands it. */
  readonly receipt: string;
}

export interface ReceiveOptions {
  /** The most messages to receive, 1 or more. */
  readonly max: number;
  /** How long to wait for the first one. SQS waits in whole seconds, so it may take up to one more. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Id of the worker that receives. A queue that knows at which jobs it has failed gives it none that are left to others. */
  readonly workerId?: string | undefined;
}

/**
 * Tells workers which jobs to look at. It delivers each message at least once and promises no order, so a claim in the database
 * decides who runs a job: `ack` and `extend` are no fences.
 *
 * Errors: AppError `queue_unavailable`, with a remedy; a Postgres queue may also throw `migration_needed`. A message that is no
 * longer the caller's is no error: `extend`, `ack` and `release` then change nothing.
 *
 * @example
 * for (const message of await queue.receive({ max: 1, waitMs: 20_000, signal })) {
 *   await work(message.jobId);
 *   await queue.ack(message);
 * }
 */
export interface JobQueue {
  readonly kind: 'postgres' | 'sqs';
  /** True if a job's message has to be put into the outbox, from which the dispatcher sends it. */
  readonly relayed: boolean;
  /** Returns for each message whether the queue has accepted it. Throws only if it accepted none; `canceled` by the signal. */
  send(batch: readonly OutgoingMessage[], signal?: AbortSignal): Promise<readonly boolean[]>;
  /** Returns none after `waitMs`. The signal ends it at once, mostly with none; messages that have just come are returned. */
  receive(options: ReceiveOptions): Promise<readonly JobMessage[]>;
  /** Hides the message from others for `ms` from now. SQS can do so until 12 hours after the receipt. */
  extend(message: JobMessage, ms: number): Promise<void>;
  /** Ends the message: it is not delivered again. */
  ack(message: JobMessage): Promise<void>;
  /** Lets anybody receive the message, after `delayMs`. */
  release(message: JobMessage, delayMs: number): Promise<void>;
  /** Roughly how many messages wait. undefined if messages cannot be lost, so that nobody needs to count them. */
  depth(): Promise<number | undefined>;
  /** Rejects if the queue cannot be used. */
  check(signal?: AbortSignal): Promise<void>;
  /** Ends waiting receivers, which get none, and closes all sockets and timers. Later calls of `receive` throw. */
  close(): Promise<void>;
}

/** The part of a pino logger that queues use. Lines hold ids of jobs, never the body of a message. */
export interface QueueLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
