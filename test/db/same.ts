import { expect } from 'vitest';
import type { Database } from '../../packages/db/src/index.ts';
import { all, type DatabaseModel } from './model.ts';

const STATE = `
  select j.id, j.status, j.attempt, j.failures, j.redrives, j.lease_token as token,
    j.status = 'queued' and j.visible_at <= now() as shown, j.cancel_requested_at is not null as cancel, j.error is not null as error,
    array(select e.type from job_events e where e.job_id = j.id order by e.seq) as events,
    array(select i.asset_id from job_inputs i where i.job_id = j.id order by i.position) as inputs,
    array(select a.key from assets a where a.job_id = j.id order by a.position) as outputs,
    (select count(*)::int from outbox o where o.job_id = j.id) as outbox,
    (select count(*)::int from webhook_deliveries d where d.job_id = j.id) as deliveries,
    (select count(*)::int from webhook_deliveries d where d.job_id = j.id and d.status = 'pending') as pending
  from jobs j order by j.id`;

/** Expects the tables to say what the model says. */
export async function expectSame(model: DatabaseModel, { pool }: Database): Promise<void> {
  const { rows } = await pool.query(STATE);
  const expected = all(model)
    .map((job) => ({
      id: job.id,
      status: job.status,
      attempt: job.attempt,
      failures: job.failures,
      redrives: job.redrives,
      token: job.token ?? null,
      shown: job.status === 'queued' && job.visible !== 'far',
      cancel: job.cancel,
      error: job.error,
      events: job.events,
      inputs: job.inputs,
      outputs: Array.from(
        { length: job.outputs?.count ?? 0 },
        (_, n) => `outputs/${job.id}/${job.outputs?.token}/${n}.png`,
      ),
      outbox: job.outbox,
      deliveries: job.webhook && job.ended !== undefined ? 1 : 0,
      pending: job.pending,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(rows).toEqual(expected);
  const inputs = await pool.query<{ id: string }>(`select id from assets where kind = 'input' order by id`);
  expect(inputs.rows.map(({ id }) => id)).toEqual([...model.inputs.values()].sort());
}
