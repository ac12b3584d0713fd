import { expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { eventTypes } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createEngines, resultWith } from './engine-double.ts';
import { createTestSetup, expectConsistent, jobOf, keysOf, startWorkers, submitEdit, untilStatus } from './harness.ts';

it('a job that kills its engine each time ends failed with engine_crashed after its attempts', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ crash }) => {
    throw crash();
  });
  startWorkers(setup, engines);
  const id = await submitEdit(setup);

  const { job } = await untilStatus(setup, id, 'failed');

  expect(job).toMatchObject({ attempt: 3, failures: 3, error: { code: 'engine_crashed', retryable: true } });
  expect(await eventTypes(setup.database, id)).toEqual([
    'job.queued',
    ...['job.started', 'job.retrying'],
    ...['job.started', 'job.retrying'],
    ...['job.started', 'job.failed'],
  ]);
  // Each attempt had a fresh engine, and there is one for the next job.
  await until(() => engines.seen.opened === 4);
  expect(engines.seen).toMatchObject({ edits: 3, closed: 3 });
  await expectConsistent(setup);
});

it('a job goes on with a fresh engine after a crash', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ crash, number }) => {
    if (number === 1) throw crash();
    return resultWith('edited');
  });
  startWorkers(setup, engines);
  const id = await submitEdit(setup);
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 1 });
});

it('an error that no other attempt can change fails the job at once', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => {
    throw new AppError('steps_too_few', 'This schedule needs 2 steps.');
  });
  startWorkers(setup, engines);
  const id = await submitEdit(setup);
  expect((await untilStatus(setup, id, 'failed')).job).toMatchObject({
    attempt: 1,
    error: { code: 'steps_too_few', message: 'This schedule needs 2 steps.', retryable: false },
  });
  await until(async () => {
    const { rows } = await setup.database.pool.query('select ready, last_error from workers');
    return rows.length === 1 && rows[0]!.ready === true && rows[0]!.last_error === null;
  });
});

it('a job whose picture is gone fails with input_missing, one whose picture is damaged is tried again', async () => {
  const setup = await createTestSetup();
  const gone = await submitEdit(setup);
  const damaged = await submitEdit(setup);
  const { inputs: [lost] = [] } = await jobOf(setup, gone);
  const { inputs: [broken] = [] } = await jobOf(setup, damaged);
  await setup.store.delete([lost!.key]);
  await setup.store.put(broken!.key, new Uint8Array(broken!.bytes!), { mediaType: 'image/png' });
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers(setup, engines);

  expect((await untilStatus(setup, gone, 'failed')).job).toMatchObject({
    attempt: 1,
    error: { code: 'input_missing' },
  });
  const { job } = await untilStatus(setup, damaged, 'failed');
  expect(job).toMatchObject({ attempt: 3, error: { code: 'input_damaged' } });
  expect(engines.seen.edits).toBe(0);
});

it('a finished edit is not thrown away when its result cannot be stored at once', async () => {
  const setup = await createTestSetup();
  let puts = 0;
  const store: typeof setup.store = {
    ...setup.store,
    async put(key, body, options) {
      const info = await setup.store.put(key, body, options);
      if (++puts === 1) throw new AppError('storage_unavailable', 'The storage has answered 503.');
      return info;
    },
  };
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers({ ...setup, store }, engines);
  const id = await submitEdit(setup);

  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
  expect(engines.seen.edits).toBe(1);
  expect(await keysOf(setup, 'outputs/')).toHaveLength(1);
  await expectConsistent(setup);
});

it('a worker whose model cannot be loaded takes no job, says why, and goes on trying', async () => {
  const setup = await createTestSetup();
  let isThere = false;
  const engines = createEngines(
    async () => resultWith('edited'),
    async () => {
      if (!isThere) throw new AppError('model_not_found', 'There is no model in /models.');
    },
  );
  startWorkers(setup, engines);
  const id = await submitEdit(setup);
  await until(async () => {
    const { rows } = await setup.database.pool.query('select ready, last_error from workers');
    return rows[0]?.ready === false && rows[0]?.last_error === 'There is no model in /models.';
  });
  expect((await jobOf(setup, id)).job).toMatchObject({ status: 'queued', attempt: 0 });

  isThere = true;
  await untilStatus(setup, id, 'succeeded');
  await until(async () => {
    const { rows } = await setup.database.pool.query('select ready, last_error from workers');
    return rows[0]?.ready === true && rows[0]?.last_error === null;
  });
});
