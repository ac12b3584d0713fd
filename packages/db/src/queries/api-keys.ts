import { createHash, randomBytes } from 'node:crypto';
import type { Scope } from '@qwen-edit/contract';
import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { newId } from '../ids.ts';
import { apiKeys } from '../schema.ts';

export type ApiKeyRow = typeof apiKeys.$inferSelect;

/** 32 random bytes: too many to guess, so that a plain hash is enough to keep. */
const KEY_BYTES = 32;

/** Makes a key. `secret` is told here and never again. */
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

/** The key's row, unless it is unknown or revoked. */
export async function findApiKey(db: Db, secret: string): Promise<ApiKeyRow | undefined> {
  const [row] = await db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.hash, hashKey(secret)), isNull(apiKeys.revokedAt)));
  return row;
}

export function listApiKeys(db: Db): Promise<ApiKeyRow[]> {
  return db.select().from(apiKeys).orderBy(asc(apiKeys.createdAt));
}

/** Whether a key was ever made. Revoked ones count: revoking the last one must not open the door to all. */
export async function hasApiKeys(db: Db): Promise<boolean> {
  const rows = await db.select({ id: apiKeys.id }).from(apiKeys).limit(1);
  return rows.length > 0;
}

/** Returns false where there is no such key, or it was revoked before. */
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
