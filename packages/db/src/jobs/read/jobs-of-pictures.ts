import type { JobStatus } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { textArray } from '../../sql.ts';

/** A stored picture, and the jobs that made or edit it. */
export interface PictureOfJobs {
  readonly key: string;
  readonly id: string;
  readonly owner: string;
  readonly kind: 'input' | 'output' | 'upload';
  readonly jobs: readonly { readonly id: string; readonly status: JobStatus }[];
}

/** The rows that have these keys, each with its jobs; at most a hundred of one picture, newest first. */
export async function readJobsOfPictures(db: Db, keys: readonly string[]): Promise<readonly PictureOfJobs[]> {
  const { rows } = await db.execute<PictureOfJobs & Record<string, unknown>>(sql`
    select key, id, owner, kind,
      (select coalesce(json_agg(json_build_object('id', used.id, 'status', used.status)), '[]') from (
        select jobs.id, jobs.status from jobs
        where jobs.id = assets.job_id or jobs.id in (select job_id from job_inputs where asset_id = assets.id)
        order by jobs.id desc limit 100
      ) used) as jobs
    from assets where key = any (${textArray(keys)}) order by key`);
  return rows;
}
