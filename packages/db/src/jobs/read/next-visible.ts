import { CONTRACT_VERSION } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { notLeftBy } from '../left-to-others.ts';

/**
 * Milliseconds until a queued job becomes visible, 0 or less if one is; undefined if none will. This is no question of the
 * queue's order: the first to become visible may stand anywhere. Jobs that need a later contract version never become visible, nor
 * do those that all `workers` leave to others.
 */
export async function nextVisibleMs(
  db: Db,
  contractVersion = CONTRACT_VERSION,
  workers?: readonly string[],
): Promise<number | undefined> {
  const { rows } = await db.execute<{ wait_ms: number | null }>(sql`
    select case when isfinite(first) then extract(epoch from first - now()) * 1000 end::double precision as wait_ms
    from (
      select min(visible_at) as first from jobs where status = 'queued' and needs_version <= ${contractVersion}
        and ${notLeftBy(workers)}
    ) as queued`);
  return rows[0]?.wait_ms ?? undefined;
}
