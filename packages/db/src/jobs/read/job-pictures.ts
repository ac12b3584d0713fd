import type { Db } from '../../connection/db.ts';
import { and, asc, eq } from '../../drizzle.ts';
import { assets, jobInputs } from '../../schema.ts';
import { isAmong } from '../../sql.ts';

export type AssetRow = typeof assets.$inferSelect;

/** Which picture of which job, numbered from 0. */
interface PictureOfJob {
  readonly owner: string;
  readonly jobId: string;
  readonly position: number;
}

/** One result of a job, if the owner has it. */
export async function readOutput(db: Db, { owner, jobId, position }: PictureOfJob): Promise<AssetRow | undefined> {
  const [row] = await db
    .select()
    .from(assets)
    .where(and(eq(assets.owner, owner), eq(assets.jobId, jobId), eq(assets.position, position)));
  return row;
}

/** One picture that a job edits, if the owner has it. */
export async function readInput(db: Db, { owner, jobId, position }: PictureOfJob): Promise<AssetRow | undefined> {
  const [row] = await db
    .select({ asset: assets })
    .from(jobInputs)
    .innerJoin(assets, eq(assets.id, jobInputs.assetId))
    .where(and(eq(assets.owner, owner), eq(jobInputs.jobId, jobId), eq(jobInputs.position, position)));
  return row?.asset;
}

/** The pictures that these jobs edit, those of each job in order. */
export async function readInputsOf(db: Db, jobIds: readonly string[]): Promise<{ jobId: string; asset: AssetRow }[]> {
  return db
    .select({ jobId: jobInputs.jobId, asset: assets })
    .from(jobInputs)
    .innerJoin(assets, eq(assets.id, jobInputs.assetId))
    .where(isAmong(jobInputs.jobId, jobIds))
    .orderBy(asc(jobInputs.position));
}

/** The results of these jobs, those of each job in order. */
export async function readOutputsOf(db: Db, jobIds: readonly string[]): Promise<AssetRow[]> {
  if (jobIds.length === 0) return [];
  return db.select().from(assets).where(isAmong(assets.jobId, jobIds)).orderBy(asc(assets.position));
}
