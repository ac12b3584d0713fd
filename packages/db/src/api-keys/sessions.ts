import type { Scope } from '@qwen-edit/contract';
import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';
import { interval, textArray } from '../sql.ts';
import { hashSecret, newSecret } from './api-keys.ts';

/** What a session stands for: a key of the table, or the local token of a service, by its hash. */
export type SessionCredential = { readonly keyId: string } | { readonly localHash: string };

/** What the database knows of a session's id. `ended`: it has expired, or its key was revoked or has expired. */
export type SessionLookup =
  | { readonly state: 'unknown' | 'ended' }
  | { readonly state: 'valid'; readonly localHash: string }
  | { readonly state: 'valid'; readonly key: { id: string; owner: string; scopes: readonly Scope[] } };

/** A key's newest sessions are kept; so nobody fills the table with sessions of one key. */
const SESSIONS_OF_A_KEY = 100;

/**
 * Begins a session that lasts for `lastsMs`, if its key does. Returns the id for the browser's cookie; the table keeps its hash.
 */
export async function beginSession(db: Db, credential: SessionCredential, lastsMs: number): Promise<string> {
  const secret = newSecret();
  const keyId = 'keyId' in credential ? credential.keyId : null;
  const localHash = 'keyId' in credential ? null : credential.localHash;
  await db.execute(sql`
    with oldest as (
      delete from sessions where hash = any (array(
        select hash from sessions where key_id is not distinct from ${keyId}
        order by created_at desc offset ${SESSIONS_OF_A_KEY - 1}
      ))
    )
    insert into sessions (hash, key_id, local_hash, expires_at)
    values (${hashSecret(secret)}, ${keyId}, ${localHash}, now() + ${interval(lastsMs)})`);
  return secret;
}

/** Looks up the session whose id a cookie holds. */
export async function lookUpSession(db: Db, secret: string): Promise<SessionLookup> {
  const { rows } = await db.execute<{
    live: boolean;
    local_hash: string | null;
    id: string | null;
    owner: string | null;
    scopes: Scope[] | null;
  }>(sql`
    select ${LIVE} as live, sessions.local_hash, api_keys.id, api_keys.owner, api_keys.scopes
    from sessions left join api_keys on api_keys.id = sessions.key_id
    where sessions.hash = ${hashSecret(secret)}`);
  const [row] = rows;
  if (row === undefined) return { state: 'unknown' };
  if (!row.live) return { state: 'ended' };
  if (row.local_hash !== null) return { state: 'valid', localHash: row.local_hash };
  const { id, owner, scopes } = row;
  return id === null || owner === null
    ? { state: 'ended' }
    : { state: 'valid', key: { id, owner, scopes: scopes ?? [] } };
}

const LIVE = sql`(sessions.expires_at > now() and (sessions.local_hash is not null
  or (api_keys.revoked_at is null and coalesce(api_keys.expires_at > now(), true))))`;

/** Ends a session. */
export async function deleteSession(db: Db, secret: string): Promise<void> {
  await db.execute(sql`delete from sessions where hash = ${hashSecret(secret)}`);
}

/** Deletes sessions that have expired: their cookies have too. Those of a revoked key stay until then. */
export async function deleteOldSessions(db: Db): Promise<void> {
  await db.execute(sql`delete from sessions where expires_at <= now()`);
}

/** Ids of keys, and hashes of sessions' ids. */
export interface Credentials {
  readonly keyIds: readonly string[];
  readonly sessionHashes: readonly string[];
}

/** Those that still let in. */
export async function validCredentials(db: Db, { keyIds, sessionHashes }: Credentials): Promise<ReadonlySet<string>> {
  const { rows } = await db.execute<{ id: string }>(sql`
    select id from api_keys
    where id = any (${textArray(keyIds)}) and revoked_at is null and coalesce(expires_at > now(), true)
    union all
    select sessions.hash from sessions left join api_keys on api_keys.id = sessions.key_id
    where sessions.hash = any (${textArray(sessionHashes)}) and ${LIVE}`);
  return new Set(rows.map(({ id }) => id));
}
