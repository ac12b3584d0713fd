import type { Db } from '../connection/db.ts';
import { and, eq } from '../drizzle.ts';
import type { AssetRow } from '../jobs/read/job-pictures.ts';
import { assets } from '../schema.ts';

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

/** The upload with this id, if the owner has it. */
export async function findUpload(db: Db, owner: string, id: string): Promise<AssetRow | undefined> {
  const [row] = await db
    .select()
    .from(assets)
    .where(and(eq(assets.owner, owner), eq(assets.id, id), eq(assets.kind, 'upload')));
  return row;
}
