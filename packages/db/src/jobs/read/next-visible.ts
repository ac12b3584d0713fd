import { sql } from 'drizzle-orm';
import type { Db } from '../../connection/db.ts';

/**
 * Milliseconds until a queued job becomes visible, 0 or less if one is; undefined if none will. This is no question of the
 * queue's order: the first to become visible may stand anywhere.
 */
export async function nextVisibleMs(db: Db): Promise<number | undefined> {
  const { rows } = await db.execute<{ wait_ms: number | null }>(sql`
    select case when isfinite(visible_at) then extract(epoch from visible_at - now()) * 1000 end::double precision as wait_ms
    from jobs where status = 'queued' order by visible_at limit 1`);
  return rows[0]?.wait_ms ?? undefined;
}
