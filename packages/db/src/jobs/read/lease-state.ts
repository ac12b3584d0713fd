import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { holds, type Lease } from '../lease.ts';

/**
 * What the holder of a lease has to do. `continue`: the lease is held. `cancel`: it is held, but somebody asked the job to stop.
 * `lost`: it is held no longer, so the holder stops and writes nothing.
 */
export type LeaseState = 'continue' | 'cancel' | 'lost';

/** Reads the state of a lease without writing anything. */
export async function readLeaseState(db: Db, lease: Lease): Promise<LeaseState> {
  const { rows } = await db.execute<{ cancel: boolean }>(
    sql`select cancel_requested_at is not null as cancel from jobs where ${holds(lease)}`,
  );
  const row = rows[0];
  if (row === undefined) return 'lost';
  return row.cancel ? 'cancel' : 'continue';
}
