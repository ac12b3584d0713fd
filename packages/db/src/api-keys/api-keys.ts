import { createHash, randomBytes } from 'node:crypto';
import { AppError, type Scope } from '@qwen-edit/contract';
import type { Db } from '../connection/db.ts';
import { and, asc, eq, isNull, sql } from '../drizzle.ts';
import { newId } from '../ids.ts';
import { apiKeys } from '../schema.ts';
import { interval } from '../sql.ts';

export type ApiKeyRow = typeof apiKeys.$inferSelect;

/** What the database knows of a secret: the key that it opens, or why it opens none. */
export type KeyLookup =
  | { readonly state: 'valid'; readonly row: ApiKeyRow }
  | { readonly state: 'unknown' | 'revoked' | 'expired'; readonly row?: undefined };

/** When a key ends: so long after it was made, by the database's clock, or at a time. */
export type KeyEnd = { readonly afterMs: number } | { readonly at: Date };

/** 32 random bytes cannot be guessed, so a plain hash without salt is enough to store. */
const SECRET_BYTES = 32;

/** A secret that cannot be guessed. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url');

/** Hex SHA-256: what the tables keep of a secret. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/**
 * Makes a key. Its `secret` is returned here only: the table keeps a hash. Throws AppError `usage` if its end has passed, by the
 * database's clock.
 */
export async function createApiKey(
  db: Db,
  key: {
    readonly owner: string;
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly end?: KeyEnd | undefined;
  },
): Promise<{ readonly row: ApiKeyRow; readonly secret: string }> {
  const secret = `qe_${newSecret()}`;
  const { owner, name, scopes, end } = key;
  const expiresAt = endOf(end);
  const { rows } = await db.execute<{ past: boolean }>(sql`select coalesce(${expiresAt} <= now(), false) as past`);
  if (rows[0]?.past === true) throw new AppError('usage', 'The key would have expired already.');
  const [row] = await db
    .insert(apiKeys)
    .values({ id: newId('key'), owner, name, scopes: [...scopes], hash: hashSecret(secret), expiresAt })
    .returning();
  return { row: row!, secret };
}

function endOf(end: KeyEnd | undefined) {
  if (end === undefined) return sql`null::timestamptz`;
  return 'at' in end ? sql`${end.at.toISOString()}::timestamptz` : sql`now() + ${interval(end.afterMs)}`;
}

/** Looks a secret up, by its hash: it takes as long for one that is unknown as for one that was revoked. */
export async function lookUpApiKey(db: Db, secret: string): Promise<KeyLookup> {
  const [found] = await db
    .select({ row: apiKeys, expired: sql<boolean>`coalesce(${apiKeys.expiresAt} <= now(), false)` })
    .from(apiKeys)
    .where(eq(apiKeys.hash, hashSecret(secret)));
  if (found === undefined) return { state: 'unknown' };
  if (found.row.revokedAt !== null) return { state: 'revoked' };
  return found.expired ? { state: 'expired' } : { state: 'valid', row: found.row };
}

/** All keys, oldest first, revoked and expired ones included. */
export async function listApiKeys(db: Db): Promise<readonly (ApiKeyRow & { readonly expired: boolean })[]> {
  const rows = await db
    .select({ row: apiKeys, expired: sql<boolean>`coalesce(${apiKeys.expiresAt} <= now(), false)` })
    .from(apiKeys)
    .orderBy(asc(apiKeys.createdAt));
  return rows.map(({ row, expired }) => ({ ...row, expired }));
}

/** True if a key was ever made. Revoked keys count: revoking the last one must not let everybody in. */
export async function hasApiKeys(db: Db): Promise<boolean> {
  const rows = await db.select({ id: apiKeys.id }).from(apiKeys).limit(1);
  return rows.length > 0;
}

/** Revokes a key. Returns false if there is no such key, or if it was revoked before. */
export async function revokeApiKey(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await db
    .update(apiKeys)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt)));
  return rowCount === 1;
}
