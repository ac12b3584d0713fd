import { type SQL, sql } from '../drizzle.ts';
import { textArray } from '../sql.ts';

/** A worker that has reported within this time is alive. */
const ALIVE = sql`interval '30 seconds'`;

/** True for a job that a worker is ready for which has not failed at it. */
const othersAreReady: SQL = sql`exists (
  select from workers where ready and heartbeat_at > now() - ${ALIVE} and not id = any (failed_on)
    and contract_version >= needs_version)`;

/** True for a job at which each of these workers has failed, as long as another worker is ready for it. */
export const isLeftToOthers = (workerIds: readonly string[]): SQL =>
  sql`(${textArray(workerIds)} <@ failed_on and ${othersAreReady})`;

/** True for a job that one of these workers may claim; undefined: it is not known who asks. */
export const notLeftBy = (workerIds: readonly string[] | undefined): SQL =>
  workerIds === undefined ? sql`true` : sql`not ${isLeftToOthers(workerIds)}`;

/** The workers that leave a job to others: those that have failed at it, as long as another worker is ready for it. */
export const leftBy: SQL = sql`case when failed_on <> '{}' and ${othersAreReady} then failed_on else '{}' end`;
