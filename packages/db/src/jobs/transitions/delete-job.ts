import { AppError } from '@qwen-edit/contract';
import { noteDeletions } from '../../assets/object-deletions.ts';
import type { Database } from '../../connection/database.ts';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { interval, textArray } from '../../sql.ts';

/**
 * Deletes a final job with its events and results, and those of its pictures that no other job uses. Returns the keys of
 * the objects to delete, which are noted until settleDeletions, or undefined if the owner has no such job. Throws AppError `job_state` for one that is not final.
 */
export async function deleteJob(
  database: Database,
  { owner, id }: { readonly owner: string; readonly id: string },
): Promise<readonly string[] | undefined> {
  return database.transaction(async (tx) => {
    const { rows } = await tx.execute<{ final: boolean }>(sql`
      select status not in ('queued', 'running') as final from jobs where id = ${id} and owner = ${owner} for update`);
    if (rows[0] === undefined) return undefined;
    if (!rows[0].final)
      throw new AppError('job_state', 'The job is not final.', { hint: 'Cancel it, then delete it.' });
    return removeJob(tx, id);
  });
}

/**
 * Deletes one final job that ended longer ago than `olderThanMs` and whose webhooks are delivered or given up. Returns the keys of
 * its objects, or undefined if there is no such job.
 */
export async function deleteOldJob(database: Database, olderThanMs: number): Promise<readonly string[] | undefined> {
  return database.transaction(async (tx) => {
    const { rows } = await tx.execute<{ id: string }>(sql`
      select id from jobs
      where completed_at < now() - ${interval(olderThanMs)}
        and not exists (select from webhook_deliveries where job_id = jobs.id and status = 'pending')
      order by completed_at limit 1 for update skip locked`);
    return rows[0] === undefined ? undefined : removeJob(tx, rows[0].id);
  });
}

async function removeJob(tx: Db, id: string): Promise<string[]> {
  const { rows: outputs } = await tx.execute<{ key: string }>(sql`select key from assets where job_id = ${id}`);
  const { rows: used } = await tx.execute<{ asset_id: string }>(
    sql`select distinct asset_id from job_inputs where job_id = ${id}`,
  );
  await tx.execute(sql`delete from jobs where id = ${id}`);
  const inputs = await removeUnused(
    tx,
    used.map((each) => each.asset_id),
  );
  const keys = [...outputs.map((each) => each.key), ...inputs];
  await noteDeletions(tx, keys);
  return keys;
}

/** Deletes those inputs that no job uses. A submission that uses one waits for the row lock, and then fails. */
async function removeUnused(tx: Db, assetIds: readonly string[]): Promise<string[]> {
  const { rows: locked } = await tx.execute<{ id: string }>(
    sql`select id from assets where id = any (${textArray(assetIds)}) order by id for update`,
  );
  const { rows } = await tx.execute<{ key: string }>(sql`
    delete from assets where id = any (${textArray(locked.map(({ id }) => id))})
      and not exists (select from job_inputs where asset_id = assets.id)
    returning key`);
  return rows.map(({ key }) => key);
}
