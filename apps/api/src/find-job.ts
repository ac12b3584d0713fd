import type { JobRecord } from '@qwen-edit/db';
import { readJob } from '@qwen-edit/db';
import { jobNotFound } from './routing/path-params.ts';
import type { Services } from './services.ts';

/** A job of this owner. Throws AppError `not_found`, also for a job of another owner. */
export async function findJob({ database }: Pick<Services, 'database'>, owner: string, id: string): Promise<JobRecord> {
  const record = await readJob(database.db, { id, owner });
  if (record === undefined) throw jobNotFound();
  return record;
}
