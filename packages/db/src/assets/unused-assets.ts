import type { Database } from '../connection/database.ts';
import { FOREIGN_KEY, sqlState } from '../connection/database-error.ts';
import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';
import { interval, textArray } from '../sql.ts';
import { noteDeletions } from './object-deletions.ts';

/**
 * Deletes uploads, and inputs that no job uses, if they were not used for `olderThanMs`; at most `limit`. Returns the keys of
 * their objects, which are noted until settleDeletions.
 */
export async function deleteUnusedAssets(
  database: Database,
  olderThanMs: number,
  limit: number,
): Promise<readonly string[]> {
  try {
    return await database.transaction(async (tx) => {
      const { rows } = await tx.execute<{ key: string }>(sql`
        delete from assets where id = any (array(
          select id from assets
          where kind <> 'output' and last_used_at < now() - ${interval(olderThanMs)}
            and not exists (select from job_inputs where asset_id = assets.id)
          order by last_used_at limit ${limit} for update skip locked
        ))
        returning key`);
      const keys = rows.map(({ key }) => key);
      await noteDeletions(tx, keys);
      return keys;
    });
  } catch (thrown) {
    // A job that was submitted at this moment uses one of them. The next call sees that job and leaves the input alone.
    if (sqlState(thrown) === FOREIGN_KEY) return [];
    throw thrown;
  }
}

/** Those of these keys that no row has: objects without a row may be deleted from storage. */
export async function unknownKeys(db: Db, keys: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.execute<{ key: string }>(sql`
    select each.key from unnest(${textArray(keys)}) as each (key)
    where not exists (select from assets where assets.key = each.key)`);
  return rows.map(({ key }) => key);
}
