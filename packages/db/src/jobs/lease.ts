import { type SQL, sql } from '../drizzle.ts';

/** The right to change one running job. Whoever claims the job later holds another token, and this one is void. */
export interface Lease {
  readonly jobId: string;
  readonly token: string;
}

/** Guard of a transition: the job is running under this lease. */
export const holds = (lease: Lease): SQL =>
  sql`jobs.id = ${lease.jobId} and jobs.lease_token = ${lease.token} and jobs.status = 'running'`;
