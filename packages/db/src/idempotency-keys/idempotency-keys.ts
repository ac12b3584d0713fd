import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';
import { interval } from '../sql.ts';

interface KeyOf {
  readonly owner: string;
  readonly key: string;
}

/**
 * What became of the attempt to claim a key. `mine`: the caller has it, and submitJob completes it. `done`: an earlier request has
 * made this job, and that was its digest. `busy`: another request has the key; it renews its claim or gives it up within `waitMs`.
 */
export type KeyClaim =
  | { readonly outcome: 'mine' }
  | { readonly outcome: 'done'; readonly jobId: string; readonly requestHash: string | undefined }
  | { readonly outcome: 'busy'; readonly waitMs: number };

export interface KeyTerms {
  readonly token: string;
  readonly requestHash: string;
  /** How long the claim lasts if it is not renewed: if the request dies, another one can claim the key after that. */
  readonly holdMs: number;
}

/**
 * Claims an Idempotency-Key. A key whose job failed for a reason that may pass is free for the same request again: that error told
 * its caller to repeat it.
 */
export async function claimKey(
  db: Db,
  { owner, key }: KeyOf,
  { token, requestHash, holdMs }: KeyTerms,
): Promise<KeyClaim> {
  const { rowCount } = await db.execute(sql`
    insert into idempotency_keys as present (owner, key, token, locked_until, request_hash)
    values (${owner}, ${key}, ${token}, now() + ${interval(holdMs)}, ${requestHash})
    on conflict (owner, key) do update set
      token = excluded.token, locked_until = excluded.locked_until, request_hash = excluded.request_hash, job_id = null,
      created_at = now()
    where (present.job_id is null and present.locked_until <= now())
      or (present.request_hash = excluded.request_hash and exists (
        select from jobs where jobs.id = present.job_id and jobs.status in ('failed', 'expired')
          and jobs.error ->> 'retryable' = 'true'
      ))`);
  if (rowCount === 1) return { outcome: 'mine' };
  const { rows } = await db.execute<{ job_id: string | null; request_hash: string | null; wait_ms: number }>(sql`
    select job_id, request_hash, (extract(epoch from locked_until - now()) * 1000)::double precision as wait_ms
    from idempotency_keys where owner = ${owner} and key = ${key}`);
  const row = rows[0];
  // Without a row, its holder has just given the key up.
  if (row === undefined) return { outcome: 'busy', waitMs: 0 };
  if (row.job_id === null) return { outcome: 'busy', waitMs: Math.max(0, row.wait_ms) };
  return { outcome: 'done', jobId: row.job_id, requestHash: row.request_hash ?? undefined };
}

/** Makes the claim last for `holdMs` from now. Returns false if another request has taken the key over, or if its job is made. */
export async function renewKey(
  db: Db,
  { owner, key }: KeyOf,
  { token, holdMs }: Pick<KeyTerms, 'token' | 'holdMs'>,
): Promise<boolean> {
  const { rowCount } = await db.execute(sql`
    update idempotency_keys set locked_until = now() + ${interval(holdMs)}
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
