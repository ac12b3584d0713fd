import type { Db } from '../connection/db.ts';
import { and, asc, eq, gt } from '../drizzle.ts';
import { jobEvents, jobs } from '../schema.ts';
import { isAmong } from '../sql.ts';

export type JobEventRow = typeof jobEvents.$inferSelect;

/** Events of a job after number `after`, in order, at most `limit`. */
export async function readEvents(db: Db, jobId: string, after: number, limit: number): Promise<JobEventRow[]> {
  return db
    .select()
    .from(jobEvents)
    .where(and(eq(jobEvents.jobId, jobId), gt(jobEvents.seq, after)))
    .orderBy(asc(jobEvents.seq))
    .limit(limit);
}

/** The number of the newest event of each of these jobs that exists. */
export async function readEventSeqs(db: Db, jobIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await db.select({ id: jobs.id, seq: jobs.eventSeq }).from(jobs).where(isAmong(jobs.id, jobIds));
  return new Map(rows.map(({ id, seq }) => [id, seq]));
}
