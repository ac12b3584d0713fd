/** Names a message in the jobs table. Its receipt is void as soon as the job changes its state. */
export interface TableReceipt {
  readonly jobId: string;
  readonly receipt: string;
}

/** A message in the jobs table. */
export interface TableMessage extends TableReceipt {
  /** Workers that leave it to others, at which they have not failed. */
  readonly leftBy: readonly string[];
}

/** Who asks for messages: the workers, or undefined if one of those that wait is none. */
export type Receivers = readonly string[] | undefined;

/** What a Postgres queue needs of the jobs table. `createQueueTable` of packages/db makes one. */
export interface QueueTable {
  /** Takes visible messages, each for one caller only, and hides them for `hideMs`. Passes over those that all `workers` leave to others. */
  take(options: {
    readonly max: number;
    readonly hideMs: number;
    readonly workers: Receivers;
  }): Promise<readonly TableMessage[]>;
  /** Hides the message for `ms`; undefined: until its job changes its state. */
  hide(message: TableReceipt, ms: number | undefined): Promise<void>;
  /** Makes the message visible after `delayMs`, and notifies the channel. */
  show(message: TableReceipt, delayMs: number): Promise<void>;
  /** Makes the messages of these jobs visible as soon as they may run, and notifies the channel. */
  send(jobIds: readonly string[]): Promise<void>;
  /** Milliseconds until a message becomes visible that not all `workers` leave to others, 0 or less if one is; undefined if none will. */
  nextVisibleMs(workers?: Receivers): Promise<number | undefined>;
}
