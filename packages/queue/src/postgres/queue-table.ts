/** A message in the jobs table: its receipt is void as soon as the job changes its state. */
export interface TableMessage {
  readonly jobId: string;
  readonly receipt: string;
}

/** The jobs table as a Postgres queue sees it; packages/db has it (`createQueueTable`). */
export interface QueueTable {
  /** Takes visible messages, each for one caller only, and hides them for `hideMs`. */
  take(options: { readonly max: number; readonly hideMs: number }): Promise<readonly TableMessage[]>;
  /** Hides the message for `ms`; undefined: until its job changes its state. */
  hide(message: TableMessage, ms: number | undefined): Promise<void>;
  /** Makes the message visible after `delayMs`, and notifies the channel. */
  show(message: TableMessage, delayMs: number): Promise<void>;
  /** Makes the messages of these jobs visible as soon as they may run, and notifies the channel. */
  send(jobIds: readonly string[]): Promise<void>;
  /** Milliseconds until the next message is visible, 0 or less where one is; undefined where none is to come. */
  nextVisibleMs(): Promise<number | undefined>;
}
