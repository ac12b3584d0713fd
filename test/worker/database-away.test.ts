import { expect, it, onTestFinished } from 'vitest';
import { createDatabase, type Database, reapLeases } from '../../packages/db/src/index.ts';
import { ERROR, eventTypes } from '../db/jobs.ts';
import { startProxy } from '../db/proxy.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import { expectConsistent, jobOf, keysOf, makePlace, startWorkers, submitEdit, until, untilStatus } from './harness.ts';

it('a database that is away for less than the lease costs no attempt', async () => {
  const place = await makePlace();
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async ({ hooks }) => {
    hooks.onStep?.({ stage: 'denoise', step: 1, total: 2 });
    await finish.promise;
    hooks.onStep?.({ stage: 'denoise', step: 2, total: 2 });
    return resultWith('edited');
  });
  startWorkers(place, engines, { leaseMs: 5000, heartbeatMs: 100 });
  const id = await submitEdit(place);
  await until(() => engines.seen.edits === 1);

  place.proxy.cut();
  await until(() => place.lines.some((line) => line.includes('a heartbeat failed')));
  finish.resolve();
  await until(() => place.lines.some((line) => line.includes('a commit had no answer')));
  place.proxy.mend();

  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
  await expectConsistent(place);
});

it('a database that is away for longer ends the edit before another may begin it, and the job is not lost', async () => {
  const place = await makePlace();
  const engines = createEngines(async ({ hooks, number }) =>
    number === 1 ? untilCanceled(hooks.signal) : resultWith('edited'),
  );
  startWorkers(place, engines, { leaseMs: 600, heartbeatMs: 200 });
  const id = await submitEdit(place);
  await until(() => engines.seen.edits === 1);

  place.proxy.cut();
  await until(() => engines.seen.canceled === 1);
  expect((await reapLeases(place.database.db, ERROR)).failed).toEqual([]);
  place.proxy.mend();
  await until(async () => {
    await reapLeases(place.database.db, ERROR);
    return (await jobOf(place, id)).job.status === 'succeeded';
  });
  expect((await jobOf(place, id)).job).toMatchObject({ attempt: 2, failures: 1 });
  await expectConsistent(place);
});

it('a COMMIT whose answer is lost is found to have gone through: one end, and its result stays', async () => {
  const place = await makePlace();
  const engines = createEngines(async () => {
    void place.proxy.loseAnswerTo('job.succeeded').then(() => sprung.resolve());
    return resultWith('edited');
  });
  const sprung = Promise.withResolvers<void>();
  startWorkers(place, engines, { heartbeatMs: 50, cancelPollMs: 20 });
  const id = await submitEdit(place);
  await sprung.promise;

  await until(() => place.lines.some((line) => line.includes('"outcome":"succeeded"')));
  expect((await jobOf(place, id)).job).toMatchObject({ status: 'succeeded', attempt: 1 });
  expect(await keysOf(place, 'outputs/')).toHaveLength(1);
  expect((await eventTypes(place.database, id)).filter((type) => type === 'job.succeeded')).toHaveLength(1);
  await expectConsistent(place);
});

it('where the outcome of a COMMIT stays unknown, the result is left alone', async () => {
  const place = await makePlace();
  const engines = createEngines(async () => {
    void place.proxy.loseAnswerTo('job.succeeded').then(() => place.proxy.cut());
    return resultWith('edited');
  });
  startWorkers(place, engines, { leaseMs: 600, heartbeatMs: 200 });
  const id = await submitEdit(place);
  await until(() => place.lines.some((line) => line.includes('"outcome":"unknown"')));
  expect((await jobOf(place, id)).job.status).toBe('succeeded');
  await expectConsistent(place);
});

it('a claim whose answer is lost is given back, without a failure', async () => {
  const place = await makePlace();
  const engines = createEngines(async () => resultWith('edited'));
  const sprung = place.proxy.loseAnswerTo('job.started');
  startWorkers(place, engines);
  const id = await submitEdit(place);
  await sprung;

  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
  expect(engines.seen.edits).toBe(1);
  await expectConsistent(place);
});

it('an idle worker outlives an outage, and says so once', async () => {
  const place = await makePlace();
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers(place, engines);
  await until(() => engines.seen.opened === 1);
  place.proxy.cut();
  await until(() => place.lines.some((line) => line.includes('no job can be taken')));
  const id = await submitEdit(place);
  await until(async () => (await place.metrics.loopErrors.get()).values[0]!.value >= 3);
  place.proxy.mend();
  await untilStatus(place, id, 'succeeded');
  expect(place.lines.filter((line) => line.includes('no job can be taken'))).toHaveLength(1);
});

it('a connection that falls silent costs neither the lease nor the job', async () => {
  const place = await makePlace();
  let database: Database | undefined;
  onTestFinished(() => database?.close());
  const proxy = await startProxy(place.url);
  database = createDatabase({ url: proxy.url });
  const finish = Promise.withResolvers<void>();
  const engines = createEngines(async () => {
    await finish.promise;
    return resultWith('edited');
  });
  startWorkers({ ...place, workerDatabase: database }, engines, { leaseMs: 1500, heartbeatMs: 300 });
  const id = await submitEdit(place);
  await until(() => engines.seen.edits === 1);

  proxy.break('set lease_expires_at = now()', 'silence');
  await until(() => place.lines.some((line) => line.includes('a heartbeat failed')));
  proxy.heal();
  const silentSince = (await jobOf(place, id)).job.leaseExpiresAt!.getTime();
  await until(async () => (await jobOf(place, id)).job.leaseExpiresAt!.getTime() > silentSince);
  finish.resolve();
  expect((await untilStatus(place, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
});
