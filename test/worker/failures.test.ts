import { expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { eventTypes } from '../db/jobs.ts';
import { createEngines, resultWith } from './engine-double.ts';
import { expectConsistent, jobOf, keysOf, makePlace, startWorkers, submitEdit, until, untilStatus } from './harness.ts';

it('a job that kills its engine each time ends failed with engine_crashed after its attempts', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ crash }) => {
    throw crash();
  });
  startWorkers(place, engines);
  const id = await submitEdit(place);

  const { job } = await untilStatus(place, id, 'failed');

  expect(job).toMatchObject({ attempt: 3, failures: 3, error: { code: 'engine_crashed', retryable: true } });
  expect(await eventTypes(place.database, id)).toEqual([
    'job.queued',
    ...['job.started', 'job.retrying'],
    ...['job.started', 'job.retrying'],
    ...['job.started', 'job.failed'],
  ]);
  // Each attempt had a fresh engine, and there is one for the next job.
  await until(() => engines.seen.opened === 4);
  expect(engines.seen).toMatchObject({ edits: 3, closed: 3 });
  await expectConsistent(place);
});

it('a job goes on with a fresh engine after a crash', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ crash, number }) => {
    if (number === 1) throw crash();
    return resultWith('edited');
  });
  startWorkers(place, engines);
  const id = await submitEdit(place);
  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 1 });
});

it('what no other attempt can mend fails at once', async () => {
  const place = await makePlace();
  const engines = createEngines(async () => {
    throw new AppError('steps_too_few', 'This schedule needs 2 steps.');
  });
  startWorkers(place, engines);
  const id = await submitEdit(place);
  expect((await untilStatus(place, id, 'failed')).job).toMatchObject({
    attempt: 1,
    error: { code: 'steps_too_few', message: 'This schedule needs 2 steps.', retryable: false },
  });
  await until(async () => {
    const { rows } = await place.database.pool.query('select ready, last_error from workers');
    return rows.length === 1 && rows[0]!.ready === true && rows[0]!.last_error === null;
  });
});

it('a job whose picture is gone fails with input_missing, one whose picture is damaged is tried again', async () => {
  const place = await makePlace();
  const gone = await submitEdit(place);
  const damaged = await submitEdit(place);
  const { inputs: [lost] = [] } = await jobOf(place, gone);
  const { inputs: [broken] = [] } = await jobOf(place, damaged);
  await place.store.delete([lost!.key]);
  await place.store.put(broken!.key, new Uint8Array(broken!.bytes!), { mediaType: 'image/png' });
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers(place, engines);

  expect((await untilStatus(place, gone, 'failed')).job).toMatchObject({
    attempt: 1,
    error: { code: 'input_missing' },
  });
  const { job } = await untilStatus(place, damaged, 'failed');
  expect(job).toMatchObject({ attempt: 3, error: { code: 'storage_unavailable' } });
  expect(engines.seen.edits).toBe(0);
});

it('a result that cannot be stored is made again, and leaves nothing of the first', async () => {
  const place = await makePlace();
  let puts = 0;
  const store: typeof place.store = {
    ...place.store,
    async put(key, body, options) {
      const info = await place.store.put(key, body, options);
      if (++puts === 1) throw new AppError('storage_unavailable', 'The storage has answered 503.');
      return info;
    },
  };
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers({ ...place, store }, engines);
  const id = await submitEdit(place);

  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 1 });
  expect(await keysOf(place, 'outputs/')).toHaveLength(1);
  await expectConsistent(place);
});

it('a worker whose model cannot be loaded takes no job, says why, and goes on trying', async () => {
  const place = await makePlace();
  let isThere = false;
  const engines = createEngines(
    async () => resultWith('edited'),
    async () => {
      if (!isThere) throw new AppError('model_not_found', 'There is no model in /models.');
    },
  );
  startWorkers(place, engines);
  const id = await submitEdit(place);
  await until(async () => {
    const { rows } = await place.database.pool.query('select ready, last_error from workers');
    return rows[0]?.ready === false && rows[0]?.last_error === 'There is no model in /models.';
  });
  expect((await jobOf(place, id)).job).toMatchObject({ status: 'queued', attempt: 0 });

  isThere = true;
  await untilStatus(place, id, 'succeeded');
  await until(async () => {
    const { rows } = await place.database.pool.query('select ready, last_error from workers');
    return rows[0]?.ready === true && rows[0]?.last_error === null;
  });
});
