import { sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { holds, type Lease, ms } from './lease.ts';

/** Extends the lease. Returns false, changing nothing, when the caller no longer holds it. */
export async function heartbeat(db: Db, lease: Lease, leaseMs: number): Promise<boolean> {
  const { rowCount } = await db.execute(
    sql`update jobs set lease_expires_at = now() + ${ms(leaseMs)} where ${holds(lease)}`,
  );
  return rowCount === 1;
}

/** What the holder of a lease has to do: go on, stop because somebody asked for it, or stop because it is no longer theirs. */
export type Order = 'continue' | 'cancel' | 'lost';

/** Reads, without a write, what has become of the lease. */
export async function readOrder(db: Db, lease: Lease): Promise<Order> {
  const { rows } = await db.execute<{ cancel: boolean }>(
    sql`select cancel_requested_at is not null as cancel from jobs where ${holds(lease)}`,
  );
  const row = rows[0];
  if (row === undefined) return 'lost';
  return row.cancel ? 'cancel' : 'continue';
}
