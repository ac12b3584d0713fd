import { sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { ms } from '../transitions/lease.ts';

interface KeyOf {
  readonly owner: string;
  readonly key: string;
}

/**
 * What became of the attempt to use a key. `mine`: go on, and complete it with the job. `done`: the job that it made, and the
 * digest of the request that made it. `busy`: another request has it and is not finished.
 */
export type KeyClaim =
  | { readonly outcome: 'mine' }
  | { readonly outcome: 'done'; readonly jobId: string; readonly requestHash: string | undefined }
  | { readonly outcome: 'busy' };

/** Claims an Idempotency-Key for `lockMs`. A claim whose request died passes on when that time is over. */
export async function claimKey(db: Db, { owner, key }: KeyOf, token: string, lockMs: number): Promise<KeyClaim> {
  const { rowCount } = await db.execute(sql`
    insert into idempotency_keys as present (owner, key, token, locked_until)
    values (${owner}, ${key}, ${token}, now() + ${ms(lockMs)})
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

/** Notes what was asked for under the key. Returns false when the claim has passed to another request. */
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

/** Gives the claim back after a request that made no job, so that a corrected one may use the key. */
export async function releaseKey(db: Db, { owner, key }: KeyOf, token: string): Promise<void> {
  await db.execute(sql`
    delete from idempotency_keys where owner = ${owner} and key = ${key} and token = ${token} and job_id is null`);
}

export async function deleteOldKeys(db: Db, olderThanMs: number): Promise<void> {
  await db.execute(
    sql`delete from idempotency_keys where created_at < now() - ${ms(olderThanMs)} and locked_until < now()`,
  );
}
