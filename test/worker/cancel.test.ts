import { expect, it } from 'vitest';
import { expireJobs, requestCancel } from '../../packages/db/src/index.ts';
import { ERROR, eventTypes, OWNER } from '../db/jobs.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import { expectConsistent, makePlace, startWorkers, submitEdit, until, untilStatus } from './harness.ts';

it('a cancel stops the engine of a running job, and the next job is taken', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ hooks, number }) =>
    number === 1 ? untilCanceled(hooks.signal) : resultWith('edited'),
  );
  startWorkers(place, engines);
  const first = await submitEdit(place);
  await untilStatus(place, first, 'running');
  await until(() => engines.seen.edits === 1);
  const second = await submitEdit(place);

  expect(await requestCancel(place.database.db, { owner: OWNER, id: first })).toBe(true);

  const { job } = await untilStatus(place, first, 'canceled');
  expect(job).toMatchObject({ failures: 0, error: null });
  expect(await eventTypes(place.database, first)).toEqual([
    'job.queued',
    'job.started',
    'job.cancel_requested',
    'job.canceled',
  ]);
  await untilStatus(place, second, 'succeeded');
  expect(engines.seen).toMatchObject({ opened: 1, canceled: 1 });
  await expectConsistent(place);
});

it('a cancel that comes with the result leaves one end, and no object without a row', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ request }) => {
    const id = new TextDecoder().decode(request.images[0]);
    await requestCancel(place.database.db, { owner: OWNER, id: jobs.get(id) ?? '' });
    return resultWith('edited');
  });
  const jobs = new Map<string, string>();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) {
    const id = await submitEdit(place);
    const { rows } = await place.database.pool.query<{ asset_id: string }>(
      'select asset_id from job_inputs where job_id = $1',
      [id],
    );
    jobs.set(`picture ${rows[0]!.asset_id}`, id);
    ids.push(id);
  }
  startWorkers(place, engines, { cancelPollMs: 1 });

  for (const id of ids) await until(async () => ['succeeded', 'canceled'].includes(await statusOf(id)));
  await expectConsistent(place);

  async function statusOf(id: string): Promise<string> {
    const { rows } = await place.database.pool.query<{ status: string }>('select status from jobs where id = $1', [id]);
    return rows[0]!.status;
  }
});

it('a job whose deadline passes while it runs is stopped, and stays expired', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ hooks }) => untilCanceled(hooks.signal));
  startWorkers(place, engines);
  const id = await submitEdit(place, { deadline: new Date(Date.now() + 500).toISOString() });
  await until(() => engines.seen.edits === 1);

  await until(async () => (await expireJobs(place.database.db, { ...ERROR, code: 'expired' })).length === 1);
  await until(() => engines.seen.canceled === 1);
  await until(() => place.lines.some((line) => line.includes('"outcome":"lost"')));
  expect((await untilStatus(place, id, 'expired')).job.error).toMatchObject({ code: 'expired' });
  await expectConsistent(place);
});
