import type { Db } from '../connection/db.ts';
import { and, desc, eq, sql } from '../drizzle.ts';
import type { AssetRow } from '../jobs/read/job-pictures.ts';
import { assets } from '../schema.ts';
import { isAmong } from '../sql.ts';

/** A picture to edit, whose object is in storage. */
export interface NewInput {
  readonly id: string;
  readonly owner: string;
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly mediaType: string;
  readonly width: number;
  readonly height: number;
}

/** The stored picture with this content, if the owner has it. */
export async function findInput(db: Db, owner: string, sha256: string): Promise<AssetRow | undefined> {
  const [row] = await db
    .select()
    .from(assets)
    .where(and(eq(assets.owner, owner), eq(assets.sha256, sha256), eq(assets.kind, 'input')));
  return row;
}

/**
 * Adds a picture that was just stored. If another request has stored the same content meanwhile, the row that is returned is
 * the other's: compare its id, and delete your own object. undefined if that row was swept at this moment: call again.
 */
export async function addInput(db: Db, input: NewInput): Promise<AssetRow | undefined> {
  const [row] = await db
    .insert(assets)
    .values({ ...input, kind: 'input' })
    .onConflictDoNothing()
    .returning();
  return row ?? findInput(db, input.owner, input.sha256);
}

/** Keys of the pictures that were used last, without these: all of them should be in the storage. */
export async function recentInputKeys(db: Db, without: readonly string[], limit: number): Promise<readonly string[]> {
  const rows = await db
    .select({ key: assets.key })
    .from(assets)
    // The first condition is that of the index.
    .where(and(sql`${assets.kind} <> 'output'`, eq(assets.kind, 'input'), sql`not ${isAmong(assets.key, without)}`))
    .orderBy(desc(assets.lastUsedAt))
    .limit(limit);
  return rows.map(({ key }) => key);
}
