import type { ByteBudget } from './byte-budget.ts';
import type { ApiDeps, ApiLimits } from './deps.ts';
import type { FairGate } from './fair-gate.ts';
import type { JobWatch } from './job-watch.ts';
import type { Gate } from './middleware/authenticate.ts';
import type { ServiceStatus } from './service-status.ts';
import type { Tally } from './tally.ts';
import type { Thumbnails } from './thumbnails.ts';

/** All parts of the API. Nothing takes them whole but the table of routes: each function picks what it uses. */
export interface Services extends ApiDeps {
  readonly now: () => Date;
  readonly limits: ApiLimits;
  readonly gate: Gate;
  readonly watch: JobWatch;
  readonly status: ServiceStatus;
  readonly budget: ByteBudget;
  /** Answers that are being streamed. */
  readonly streams: Tally;
  /** All decoding of pictures goes through it. */
  readonly decoding: FairGate;
  readonly thumbnails: Thumbnails;
  /** Aborts when the process begins to stop. */
  readonly stopping: AbortSignal;
}
