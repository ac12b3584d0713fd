import { expect, it, onTestFinished } from 'vitest';
import { createDatabase, type Database, reapLeases } from '../../packages/db/src/index.ts';
import { ERROR, eventTypes } from '../db/jobs.ts';
import { startProxy } from '../db/proxy.ts';
import { until } from '../support/until.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import { createTestSetup, expectConsistent, jobOf, keysOf, startWorkers, submitEdit, untilStatus } from './harness.ts';

it('a database that is away for less than the lease costs no attempt', async () => {
  const setup = await createTestSetup();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async ({ hooks }) => {
    hooks.onStep?.({ stage: 'denoise', step: 1, total: 2 });
    await finish.promise;
    hooks.onStep?.({ stage: 'denoise', step: 2, total: 2 });
    return resultWith('edited');
  });
  startWorkers(setup, engines, { leaseMs: 30_000, heartbeatMs: 100 });
  const id = await submitEdit(setup);
  await until(() => engines.seen.edits === 1);

  setup.proxy.cut();
  await until(() => setup.lines.some((line) => line.includes('a heartbeat failed')));
  finish.resolve();
  await until(() => setup.lines.some((line) => line.includes('a commit had no answer')));
  setup.proxy.mend();

  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
  await expectConsistent(setup);
});

it('a database that is away for longer ends the edit before another may begin it, and the job is not lost', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks, number }) =>
    number === 1 ? untilCanceled(hooks.signal) : resultWith('edited'),
  );
  startWorkers(setup, engines, { leaseMs: 600, heartbeatMs: 200 });
  const id = await submitEdit(setup);
  await until(() => engines.seen.edits === 1);

  setup.proxy.cut();
  await until(() => engines.seen.canceled === 1);
  expect((await reapLeases(setup.database.db, ERROR)).failed).toEqual([]);
  setup.proxy.mend();
  await until(async () => {
    await reapLeases(setup.database.db, ERROR);
    return (await jobOf(setup, id)).job.status === 'succeeded';
  });
  // The worker has outlived its lease and says so, whether or not the reaper was faster.
  await until(async () => (await jobOf(setup, id)).job.failures === 0);
  expect((await jobOf(setup, id)).job).toMatchObject({ attempt: 2 });
  await expectConsistent(setup);
});

it('a COMMIT whose answer is lost is found to have gone through: one end, and its result stays', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => {
    void setup.proxy.loseAnswerTo('job.succeeded').then(() => sprung.resolve());
    return resultWith('edited');
  });
  const sprung = Promise.withResolvers<void>();
  startWorkers(setup, engines, { heartbeatMs: 50, cancelPollMs: 20 });
  const id = await submitEdit(setup);
  await sprung.promise;

  await until(() => setup.lines.some((line) => line.includes('"outcome":"succeeded"')));
  expect((await jobOf(setup, id)).job).toMatchObject({ status: 'succeeded', attempt: 1 });
  expect(await keysOf(setup, 'outputs/')).toHaveLength(1);
  expect((await eventTypes(setup.database, id)).filter((type) => type === 'job.succeeded')).toHaveLength(1);
  await expectConsistent(setup);
});

it('if the outcome of a COMMIT stays unknown, the result is not deleted', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => {
    void setup.proxy.loseAnswerTo('job.succeeded').then(() => setup.proxy.cut());
    return resultWith('edited');
  });
  startWorkers(setup, engines, { leaseMs: 600, heartbeatMs: 200 });
  const id = await submitEdit(setup);
  await until(() => setup.lines.some((line) => line.includes('"outcome":"unknown"')));
  expect((await jobOf(setup, id)).job.status).toBe('succeeded');
  await expectConsistent(setup);
});

it('a claim whose answer is lost is given back, without a failure', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => resultWith('edited'));
  const sprung = setup.proxy.loseAnswerTo('job.started');
  startWorkers(setup, engines);
  const id = await submitEdit(setup);
  await sprung;

  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
  expect(engines.seen.edits).toBe(1);
  await expectConsistent(setup);
});

it('an idle worker outlives an outage, and says so once', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers(setup, engines);
  await until(() => engines.seen.opened === 1);
  setup.proxy.cut();
  await until(() => setup.lines.some((line) => line.includes('no job can be taken')));
  const id = await submitEdit(setup);
  await until(async () => (await setup.metrics.loopErrors.get()).values[0]!.value >= 3);
  setup.proxy.mend();
  await untilStatus(setup, id, 'succeeded');
  expect(setup.lines.filter((line) => line.includes('no job can be taken'))).toHaveLength(1);
});

it('a connection that falls silent costs neither the lease nor the job', async () => {
  const setup = await createTestSetup();
  let database: Database | undefined;
  onTestFinished(() => database?.close());
  const proxy = await startProxy(setup.url);
  database = createDatabase({ url: proxy.url });
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    await finish.promise;
    return resultWith('edited');
  });
  startWorkers({ ...setup, workerDatabase: database }, engines, { leaseMs: 1500, heartbeatMs: 300 });
  const id = await submitEdit(setup);
  await until(() => engines.seen.edits === 1);

  proxy.break('set lease_expires_at = now()', 'silence');
  await until(() => setup.lines.some((line) => line.includes('a heartbeat failed')));
  proxy.heal();
  const silentSince = (await jobOf(setup, id)).job.leaseExpiresAt!.getTime();
  await until(async () => (await jobOf(setup, id)).job.leaseExpiresAt!.getTime() > silentSince);
  finish.resolve();
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
});
