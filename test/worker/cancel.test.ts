import { expect, it } from 'vitest';
import { expireJobs, requestCancel } from '../../packages/db/src/index.ts';
import { ERROR, eventTypes, OWNER } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import { createTestSetup, expectConsistent, startWorkers, submitEdit, untilStatus } from './harness.ts';

it('a cancel stops the engine of a running job, and the next job is taken', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks, number }) =>
    number === 1 ? untilCanceled(hooks.signal) : resultWith('edited'),
  );
  startWorkers(setup, engines);
  const first = await submitEdit(setup);
  await untilStatus(setup, first, 'running');
  await until(() => engines.seen.edits === 1);
  const second = await submitEdit(setup);

  expect(await requestCancel(setup.database.db, { owner: OWNER, id: first })).toBe(true);

  const { job } = await untilStatus(setup, first, 'canceled');
  expect(job).toMatchObject({ failures: 0, error: null });
  expect(await eventTypes(setup.database, first)).toEqual([
    'job.queued',
    'job.started',
    'job.cancel_requested',
    'job.canceled',
  ]);
  await untilStatus(setup, second, 'succeeded');
  expect(engines.seen).toMatchObject({ opened: 1, canceled: 1 });
  await expectConsistent(setup);
});

it('a cancel that comes with the result leaves one end, and no object without a row', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ request }) => {
    const id = new TextDecoder().decode(request.images[0]);
    await requestCancel(setup.database.db, { owner: OWNER, id: jobs.get(id) ?? '' });
    return resultWith('edited');
  });
  const jobs = new Map<string, string>();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const id = await submitEdit(setup);
    const { rows } = await setup.database.pool.query<{ asset_id: string }>(
      'select asset_id from job_inputs where job_id = $1',
      [id],
    );
    jobs.set(`picture ${rows[0]!.asset_id}`, id);
    ids.push(id);
  }
  startWorkers(setup, engines, { cancelPollMs: 1 });

  for (const id of ids) await until(async () => ['succeeded', 'canceled'].includes(await statusOf(id)));
  await expectConsistent(setup);

  async function statusOf(id: string): Promise<string> {
    const { rows } = await setup.database.pool.query<{ status: string }>('select status from jobs where id = $1', [id]);
    return rows[0]!.status;
  }
});

it('a job whose deadline passes while it runs is stopped, and stays expired', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks }) => untilCanceled(hooks.signal));
  startWorkers(setup, engines);
  const id = await submitEdit(setup);
  await until(() => engines.seen.edits === 1);
  await setup.database.pool.query('update jobs set deadline_at = now()');

  await until(async () => (await expireJobs(setup.database.db, { ...ERROR, code: 'expired' })).length === 1);
  await until(() => engines.seen.canceled === 1);
  await until(() => setup.lines.some((line) => line.includes('"outcome":"lost"')));
  expect((await untilStatus(setup, id, 'expired')).job.error).toMatchObject({ code: 'expired' });
  await expectConsistent(setup);
});
