import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';
import { interval, textArray } from '../sql.ts';

/**
 * Objects whose rows are deleted are first only noted, in the same transaction: so none of them is forgotten, whoever dies. Who has
 * deleted the rows then tries at once, and has this long before a dispatcher does.
 */
const GRACE_MS = 60_000;
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 3_600_000;

/** Notes objects to delete. To be called in the transaction that deletes their rows. */
export async function noteDeletions(tx: Db, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await tx.execute(sql`
    insert into object_deletions (key, next_attempt_at)
    select key, now() + ${interval(GRACE_MS)} from unnest(${textArray(keys)}) as key on conflict do nothing`);
}

/** What became of objects that somebody tried to delete. */
export interface DeletionOutcome {
  readonly deleted: readonly string[];
  readonly kept: readonly { readonly key: string; readonly reason: string }[];
}

/** Forgets objects that are deleted. The others stay noted, and are tried again after a delay that grows up to an hour. */
export async function settleDeletions(db: Db, { deleted, kept }: DeletionOutcome): Promise<void> {
  // Locked in the order of their keys, here and below: with two orders, two callers could wait for each other.
  if (deleted.length > 0) {
    await db.execute(sql`
      delete from object_deletions where key = any (array(
        select key from object_deletions where key = any (${textArray(deleted)}) order by key for update
      ))`);
  }
  if (kept.length === 0) return;
  const keys = textArray(kept.map(({ key }) => key));
  // The delays differ, so that those which fail don't always come together, and first.
  await db.execute(sql`
    insert into object_deletions as noted (key, attempts, error, next_attempt_at)
    select key, 1, reason, now() + ${interval(FIRST_RETRY_MS)} * (0.5 + random())
    from unnest(${keys}, ${textArray(kept.map(({ reason }) => reason))}) as each (key, reason) order by key
    on conflict (key) do update set
      attempts = noted.attempts + 1, error = excluded.error,
      next_attempt_at = now() + (0.5 + random()) * least(
        ${interval(LONGEST_RETRY_MS)}, ${interval(FIRST_RETRY_MS)} * 2 ^ least(noted.attempts, 10))`);
}

/**
 * Takes objects that are due to be deleted, at most `limit`, for `lockMs`: if the caller dies, another dispatcher tries then. One
 * that has a row is not to be deleted, and is forgotten.
 */
export async function takeDeletions(db: Db, limit: number, lockMs: number): Promise<readonly string[]> {
  const { rows } = await db.execute<{ key: string }>(sql`
    with due as (
      select key, exists (select from assets where assets.key = object_deletions.key) as used
      from object_deletions where next_attempt_at <= now()
      order by next_attempt_at limit ${limit} for update skip locked
    ), forgotten as (
      delete from object_deletions using due where object_deletions.key = due.key and due.used
    )
    update object_deletions set next_attempt_at = now() + ${interval(lockMs)}
    from due where object_deletions.key = due.key and not due.used
    returning object_deletions.key`);
  return rows.map(({ key }) => key);
}

/** Those of these keys that are not noted already. */
export async function notNoted(db: Db, keys: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.execute<{ key: string }>(sql`
    select each.key from unnest(${textArray(keys)}) as each (key)
    where not exists (select from object_deletions where object_deletions.key = each.key)`);
  return rows.map(({ key }) => key);
}

/** How many objects wait to be deleted, and how many of them the storage has refused to delete. */
export async function countDeletions(db: Db): Promise<{ readonly waiting: number; readonly refused: number }> {
  const { rows } = await db.execute<{ waiting: number; refused: number }>(sql`
    select count(*)::int as waiting, count(*) filter (where attempts > 0)::int as refused from object_deletions`);
  return rows[0] ?? { waiting: 0, refused: 0 };
}
