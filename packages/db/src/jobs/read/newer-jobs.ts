import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';

/** Jobs are counted up to this. */
const COUNTED = 1000;

/** How many queued jobs workers of this contract version leave to newer ones; at most 1000. */
export async function countNewerJobs(db: Db, contractVersion: number): Promise<number> {
  const { rows } = await db.execute<{ count: number }>(sql`
    select count(*)::int as count from (
      select from jobs where status = 'queued' and needs_version > ${contractVersion} limit ${COUNTED}
    ) as newer`);
  return rows[0]?.count ?? 0;
}
