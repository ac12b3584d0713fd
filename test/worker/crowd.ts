import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { storePicture, submitEdit, type TestSetup } from './harness.ts';

export const submitMany = async (setup: TestSetup, count: number): Promise<string[]> => {
  const inputs = [await storePicture(setup)];
  return Promise.all(Array.from({ length: count }, () => submitEdit(setup, { inputs })));
};

export async function untilAllSucceeded(setup: TestSetup, ids: readonly string[]): Promise<void> {
  await until(async () => {
    const { rows } = await setup.database.pool.query<{ status: string; failures: number; id: string }>(
      'select id, status, failures from jobs',
    );
    expect(rows.filter(({ status }) => status === 'failed')).toEqual([]);
    const done = rows.filter(({ status }) => status === 'succeeded');
    expect(done.map(({ failures }) => failures)).toEqual(done.map(() => 0));
    return ids.every((id) => done.some((job) => job.id === id));
  }, 60_000);
}

export interface WorkerLine {
  readonly id: string;
  readonly ready: boolean;
  readonly model: Readonly<Record<string, unknown>> | null;
  readonly last_error: string | null;
}
export const workerRows = async ({ database }: TestSetup): Promise<WorkerLine[]> =>
  (await database.pool.query<WorkerLine>('select id, ready, model, last_error from workers order by started_at')).rows;

export async function startsOf({ database }: TestSetup, workerId: string): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>(
    `select count(*)::int as count from job_events where type = 'job.started' and data ->> 'worker_id' = $1`,
    [workerId],
  );
  return rows[0]!.count;
}
