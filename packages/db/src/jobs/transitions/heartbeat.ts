import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { interval } from '../../sql.ts';
import { holds, type Lease } from '../lease.ts';

/** Extends the lease to `leaseMs` from now. Returns false, changing nothing, if the caller no longer holds it. */
export async function heartbeat(db: Db, lease: Lease, leaseMs: number): Promise<boolean> {
  const { rowCount } = await db.execute(
    sql`update jobs set lease_expires_at = now() + ${interval(leaseMs)} where ${holds(lease)}`,
  );
  return rowCount === 1;
}
