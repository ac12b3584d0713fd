import { createHash, randomBytes } from 'node:crypto';
import type { Scope } from '@qwen-edit/contract';
import type { Db } from '../connection/db.ts';
import { and, asc, eq, isNull, sql } from '../drizzle.ts';
import { newId } from '../ids.ts';
import { apiKeys } from '../schema.ts';

export type ApiKeyRow = typeof apiKeys.$inferSelect;

/** 32 random bytes cannot be guessed, so a plain hash without salt is enough to store. */
const KEY_BYTES = 32;

/** Makes a key. Its `secret` is returned here only: the table keeps a hash. */
export async function createApiKey(
  db: Db,
  key: { readonly owner: string; readonly name: string; readonly scopes: readonly Scope[] },
): Promise<{ readonly row: ApiKeyRow; readonly secret: string }> {
  const secret = `qe_${randomBytes(KEY_BYTES).toString('base64url')}`;
  const [row] = await db
    .insert(apiKeys)
    .values({ id: newId('key'), owner: key.owner, name: key.name, scopes: [...key.scopes], hash: hashKey(secret) })
    .returning();
  return { row: row!, secret };
}

/** The row of the key with this secret; undefined if it is unknown or revoked. */
export async function findApiKey(db: Db, secret: string): Promise<ApiKeyRow | undefined> {
  const [row] = await db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.hash, hashKey(secret)), isNull(apiKeys.revokedAt)));
  return row;
}

/** All keys, oldest first, revoked ones included. */
export async function listApiKeys(db: Db): Promise<ApiKeyRow[]> {
  return db.select().from(apiKeys).orderBy(asc(apiKeys.createdAt));
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

function hashKey(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
