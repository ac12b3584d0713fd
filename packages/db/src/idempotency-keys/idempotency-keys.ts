import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';
import { interval } from '../sql.ts';

interface KeyOf {
  readonly owner: string;
  readonly key: string;
}

/**
 * What became of the attempt to claim a key. `mine`: the caller has it, and submitJob completes it. `done`: an earlier request has
 * made this job, and that was its digest. `busy`: another request has the key and is not finished.
 */
export type KeyClaim =
  | { readonly outcome: 'mine' }
  | { readonly outcome: 'done'; readonly jobId: string; readonly requestHash: string | undefined }
  | { readonly outcome: 'busy' };

/** Claims an Idempotency-Key for `lockMs`. If the request dies, another one can claim it when that time is over. */
export async function claimKey(db: Db, { owner, key }: KeyOf, token: string, lockMs: number): Promise<KeyClaim> {
  const { rowCount } = await db.execute(sql`
    insert into idempotency_keys as present (owner, key, token, locked_until)
    values (${owner}, ${key}, ${token}, now() + ${interval(lockMs)})
    on conflict (owner, key) do update set
      token = excluded.token, locked_until = excluded.locked_until, request_hash = null, created_at = now()
    where present.job_id is null and present.locked_until <= now()`);
  if (rowCount === 1) return { outcome: 'mine' };
  const { rows } = await db.execute<{ job_id: string | null; request_hash: string | null }>(
    sql`select job_id, request_hash from idempotency_keys where owner = ${owner} and key = ${key}`,
  );
  const row = rows[0];
  if (row === undefined || row.job_id === null) return { outcome: 'busy' };
  return { outcome: 'done', jobId: row.job_id, requestHash: row.request_hash ?? undefined };
}

/** Writes the digest of the request that claimed the key. Returns false if another request has taken the key over. */
export async function noteRequestHash(
  db: Db,
  { owner, key }: KeyOf,
  token: string,
  requestHash: string,
): Promise<boolean> {
  const { rowCount } = await db.execute(sql`
    update idempotency_keys set request_hash = ${requestHash}
    where owner = ${owner} and key = ${key} and token = ${token} and job_id is null`);
  return rowCount === 1;
}

/** Frees the key after a request that made no job, so that a corrected request may use it. */
export async function releaseKey(db: Db, { owner, key }: KeyOf, token: string): Promise<void> {
  await db.execute(sql`
    delete from idempotency_keys where owner = ${owner} and key = ${key} and token = ${token} and job_id is null`);
}

/** Deletes keys that are older than `olderThanMs` and that no request is using. */
export async function deleteOldKeys(db: Db, olderThanMs: number): Promise<void> {
  await db.execute(
    sql`delete from idempotency_keys where created_at < now() - ${interval(olderThanMs)} and locked_until < now()`,
  );
}
