/** A message in the jobs table. Its receipt is void as soon as the job changes its state. */
export interface TableMessage {
  readonly jobId: string;
  readonly receipt: string;
}

/** What a Postgres queue needs of the jobs table. `createQueueTable` of packages/db makes one. */
export interface QueueTable {
  /** Takes visible messages, each for one caller only, and hides them for `hideMs`. */
  take(options: { readonly max: number; readonly hideMs: number }): Promise<readonly TableMessage[]>;
  /** Hides the message for `ms`; undefined: until its job changes its state. */
  hide(message: TableMessage, ms: number | undefined): Promise<void>;
  /** Makes the message visible after `delayMs`, and notifies the channel. */
  show(message: TableMessage, delayMs: number): Promise<void>;
  /** Makes the messages of these jobs visible as soon as they may run, and notifies the channel. */
  send(jobIds: readonly string[]): Promise<void>;
  /** Milliseconds until a message becomes visible, 0 or less if one is; undefined if none will. */
  nextVisibleMs(): Promise<number | undefined>;
}
