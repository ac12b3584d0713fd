import type { ByteBudget } from './byte-budget.ts';
import type { ApiDeps, ApiLimits } from './deps.ts';
import type { JobWatch } from './job-watch.ts';
import type { Gate } from './middleware/authenticate.ts';
import type { ServiceStatus } from './service-status.ts';
import type { Tally } from './tally.ts';
import type { Thumbnails } from './thumbnails.ts';

/** What the routes work with. */
export interface Services extends ApiDeps {
  readonly now: () => Date;
  readonly limits: ApiLimits;
  readonly gate: Gate;
  readonly watch: JobWatch;
  readonly status: ServiceStatus;
  readonly budget: ByteBudget;
  /** Answers that are being streamed. */
  readonly streams: Tally;
  /** Runs the proof of a picture when there is room for it. */
  readonly validating: <T>(task: () => Promise<T>) => Promise<T>;
  readonly thumbnails: Thumbnails;
  /** Aborts when the process begins to stop. */
  readonly stopping: AbortSignal;
}
