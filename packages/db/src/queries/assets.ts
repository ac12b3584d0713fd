import { and, eq, sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { FOREIGN_KEY, sqlState } from '../database-error.ts';
import { assets } from '../schema.ts';
import { ms } from '../transitions/lease.ts';
import type { AssetRow } from './read-jobs.ts';

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

/** The stored picture of this content, if the owner has it. */
export async function findInput(db: Db, owner: string, sha256: string): Promise<AssetRow | undefined> {
  const [row] = await db
    .select()
    .from(assets)
    .where(and(eq(assets.owner, owner), eq(assets.sha256, sha256), eq(assets.kind, 'input')));
  return row;
}

/**
 * Notes a picture that was just stored. Where another request has stored the same content meanwhile, the row is the other's:
 * compare its id, and delete one's own object.
 */
export async function addInput(db: Db, input: NewInput): Promise<AssetRow | undefined> {
  const [row] = await db
    .insert(assets)
    .values({ ...input, kind: 'input' })
    .onConflictDoNothing()
    .returning();
  return row ?? findInput(db, input.owner, input.sha256);
}

/** Notes that the owner may put an object at this key. */
export async function addUpload(
  db: Db,
  upload: { readonly id: string; readonly owner: string; readonly key: string; readonly mediaType: string },
): Promise<void> {
  await db.insert(assets).values({ ...upload, kind: 'upload' });
}

export async function findUpload(db: Db, owner: string, id: string): Promise<AssetRow | undefined> {
  const [row] = await db
    .select()
    .from(assets)
    .where(and(eq(assets.owner, owner), eq(assets.id, id), eq(assets.kind, 'upload')));
  return row;
}

/** Deletes inputs that no job uses and uploads, both when not used for `olderThanMs`. Returns the keys of their objects. */
export async function deleteUnusedAssets(db: Db, olderThanMs: number, limit: number): Promise<readonly string[]> {
  try {
    const { rows } = await db.execute<{ key: string }>(sql`
      delete from assets where id = any (array(
        select id from assets
        where kind <> 'output' and last_used_at < now() - ${ms(olderThanMs)}
          and not exists (select from job_inputs where asset_id = assets.id)
        order by last_used_at limit ${limit} for update skip locked
      ))
      returning key`);
    return rows.map(({ key }) => key);
  } catch (thrown) {
    // A job that was submitted at this moment uses one of them: the next call finds that out before.
    if (sqlState(thrown) === FOREIGN_KEY) return [];
    throw thrown;
  }
}

/** Which of these keys no row points at. */
export async function unknownKeys(db: Db, keys: readonly string[]): Promise<readonly string[]> {
  const { rows } = await db.execute<{ key: string }>(sql`
    select each.key from unnest(${sql.param(keys)}::text[]) as each (key)
    where not exists (select from assets where assets.key = each.key)`);
  return rows.map(({ key }) => key);
}
