import type { Database } from '../connection/database.ts';
import type { Db } from '../connection/db.ts';
import { and, eq } from '../drizzle.ts';
import type { AssetRow } from '../jobs/read/job-pictures.ts';
import { assets } from '../schema.ts';
import { withinQuota } from './quota.ts';

/** Adds a row for an object that its owner may upload to this key. Adding it twice is adding it once. */
export async function addUpload(
  db: Db,
  upload: { readonly id: string; readonly owner: string; readonly key: string; readonly mediaType: string },
): Promise<void> {
  await db
    .insert(assets)
    .values({ ...upload, kind: 'upload' })
    .onConflictDoNothing({ target: assets.id });
}

/**
 * Counts the bytes that an upload has, or is about to have. Returns false if there is no upload with this key. Throws AppError
 * `quota_exceeded`; then nothing has changed.
 */
export async function chargeUpload(
  database: Database,
  { key, bytes, quotaBytes }: { readonly key: string; readonly bytes: number; readonly quotaBytes: number | undefined },
): Promise<boolean> {
  const [upload] = await database.db
    .select({ id: assets.id, owner: assets.owner })
    .from(assets)
    .where(and(eq(assets.key, key), eq(assets.kind, 'upload')));
  if (upload === undefined) return false;
  const charge = { owner: upload.owner, assetId: upload.id, bytes, quotaBytes };
  await withinQuota(database, charge, async () => undefined);
  return true;
}

/** The upload with this id, if the owner has it. */
export async function findUpload(db: Db, owner: string, id: string): Promise<AssetRow | undefined> {
  const [row] = await db
    .select()
    .from(assets)
    .where(and(eq(assets.owner, owner), eq(assets.id, id), eq(assets.kind, 'upload')));
  return row;
}
