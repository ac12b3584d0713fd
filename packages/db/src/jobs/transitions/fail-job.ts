import type { JobError } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { holds, type Lease } from '../lease.ts';
import { FAILURE, finish } from './finish.ts';

/** Moves a job to `failed`, if the caller holds its lease. Returns false, changing nothing, if not. */
export async function failJob(db: Db, lease: Lease, error: JobError): Promise<boolean> {
  return (await finish(db, { type: 'job.failed', where: holds(lease), error, set: FAILURE })).length === 1;
}
