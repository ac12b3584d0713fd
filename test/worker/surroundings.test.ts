import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AppError } from '../../packages/contract/src/index.ts';
import { expireJobs, reapLeases, requestCancel } from '../../packages/db/src/index.ts';
import { createStore, type ObjectStore, STORED_KINDS } from '../../packages/storage/src/index.ts';
import { ERROR, eventTypes } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { startsOf, submitMany, untilAllSucceeded, workerRows } from './crowd.ts';
import { createEngines, resultWith, untilCanceled } from './engine-double.ts';
import {
  createTestSetup,
  expectConsistent,
  jobOf,
  startWorkers,
  storePicture,
  submitEdit,
  untilStatus,
} from './harness.ts';

/** Longer than any test may take: what ends at all was not ended by the clock. */
const FOREVER_MS = 600_000;

/** A storage that can be switched off, as seen by one worker. */
function switchable(store: ObjectStore) {
  const at = { check: true, get: true, put: true };
  const refuse = (): never => {
    throw new AppError('storage_unavailable', 'Bucket b answers 503.');
  };
  const wrapped: ObjectStore = {
    ...store,
    check: async (signal) => (at.check ? store.check(signal) : refuse()),
    get: async (key, options) => (at.get ? store.get(key, options) : refuse()),
    put: async (key, body, options) => (at.put ? store.put(key, body, options) : refuse()),
  };
  return { store: wrapped, at, setAll: (on: boolean) => Object.assign(at, { check: on, get: on, put: on }) };
}

it('a storage that is away ends no job: all that waited succeed when it is back, and none has paid', async () => {
  const setup = await createTestSetup();
  const storage = switchable(setup.store);
  const engines = createEngines(async () => resultWith('edited'));
  startWorkers({ ...setup, store: storage.store }, engines);
  const [first] = await submitMany(setup, 1);
  await untilStatus(setup, first!, 'succeeded');

  // The outage meets a job first, and then the check.
  storage.at.get = false;
  const ids = await submitMany(setup, 20);
  await until(async () => {
    const jobs = await Promise.all(ids.map((id) => jobOf(setup, id)));
    return jobs.some(({ job }) => job.status === 'queued' && job.attempt > 0);
  });
  storage.setAll(false);
  // A check that passed in the last moment may still say that all is well.
  await until(async () => {
    const [row] = await workerRows(setup);
    return row?.ready === false && row.last_error === 'Bucket b answers 503.';
  });
  await until(async () => ((await setup.metrics.loopErrors.get()).values[0]?.value ?? 0) >= 1);
  const [{ id } = { id: '' }] = await workerRows(setup);
  const before = await startsOf(setup, id);
  await until(async () => (await setup.metrics.loopErrors.get()).values[0]!.value >= 5);
  expect(await startsOf(setup, id)).toBe(before);

  storage.setAll(true);
  await untilAllSucceeded(setup, ids);
  await until(async () => {
    const [row] = await workerRows(setup);
    return row?.ready === true && row.last_error === null;
  });
  await expectConsistent(setup);
});

it('a worker that cannot reach the storage takes a few jobs at most, and a healthy one does them all', async () => {
  const setup = await createTestSetup();
  const storage = switchable(setup.store);
  // The check passes, as where a bucket may be looked at but not read.
  storage.at.get = false;
  const ids = await submitMany(setup, 20);
  const bad = createEngines(async () => resultWith('never'));
  startWorkers({ ...setup, store: storage.store }, bad, { retryFirstMs: 500, retryMaxMs: FOREVER_MS });
  await until(async () => {
    const [row] = await workerRows(setup);
    return row?.ready === false && row.last_error === 'Bucket b answers 503.';
  });
  const [{ id } = { id: '' }] = await workerRows(setup);
  startWorkers(
    setup,
    createEngines(async () => resultWith('edited')),
  );

  await untilAllSucceeded(setup, ids);
  expect(bad.seen.edits).toBe(0);
  expect(await startsOf(setup, id)).toBeLessThan(ids.length / 2);
  await expectConsistent(setup);
});

it('a worker whose storage is another one than the API’s, or gives out changed pictures, fails no job', async () => {
  const setup = await createTestSetup();
  const elsewhere = await createTestSetup();
  const other = await storePicture(setup);
  const ids = await Promise.all(Array.from({ length: 6 }, () => submitEdit(setup)));
  const pauses = { retryFirstMs: 50, retryMaxMs: 200 };
  startWorkers(
    { ...setup, store: elsewhere.store },
    createEngines(async () => resultWith('never')),
    pauses,
  );
  await until(async () => (await workerRows(setup))[0]?.last_error?.includes('none of the pictures') === true);
  const changing: ObjectStore = {
    ...setup.store,
    get: (_key, options) => setup.store.get(STORED_KINDS.input.keyOf({ assetId: other }), options),
  };
  startWorkers(
    { ...setup, store: changing },
    createEngines(async () => resultWith('never')),
    pauses,
  );
  await until(async () => (await setup.database.pool.query(`select from jobs where failures > 0`)).rowCount! > 0);
  startWorkers(
    setup,
    createEngines(async () => resultWith('edited')),
  );
  await Promise.all(ids.map((id) => untilStatus(setup, id, 'succeeded')));
  await expectConsistent(setup);
});

it('a worker that fails by its own fault waits longer each time, says so, and is trusted again after a success', async () => {
  const setup = await createTestSetup();
  const storage = switchable(setup.store);
  storage.at.get = false;
  const [id] = await submitMany(setup, 1);
  startWorkers(
    { ...setup, store: storage.store },
    createEngines(async () => resultWith('edited')),
  );
  await until(async () => (await jobOf(setup, id!)).job.attempt > 3);
  expect((await jobOf(setup, id!)).job.failures).toBe(0);
  await until(async () => (await workerRows(setup))[0]?.ready === false);
  storage.at.get = true;
  await untilStatus(setup, id!, 'succeeded');
  await until(async () => {
    const [row] = await workerRows(setup);
    return row?.ready === true && row.last_error === null;
  });
  expect((await eventTypes(setup.database, id!)).filter((type) => type === 'job.retrying')).toEqual([]);
});

it('a finished edit waits for the storage, while its job can still be cancelled and its worker stopped', async () => {
  const setup = await createTestSetup();
  const storage = switchable(setup.store);
  storage.at.put = false;
  const engines = createEngines(async () => resultWith('edited'));
  const { stop } = startWorkers({ ...setup, store: storage.store }, engines, { resultWaitMs: FOREVER_MS });
  const waiting = (count: number): Promise<void> =>
    until(() => setup.lines.filter((line) => line.includes('a result waits for the storage')).length === count);
  const [canceled, kept] = await submitMany(setup, 2);

  await waiting(1);
  await until(async () => {
    const [row] = await workerRows(setup);
    return row?.ready === false && row.last_error === 'Bucket b answers 503.';
  });
  expect(await requestCancel(setup.database.db, { owner: 'ann', id: canceled! })).toBe(true);
  await untilStatus(setup, canceled!, 'canceled');

  await waiting(2);
  await stop();
  expect((await jobOf(setup, kept!)).job).toMatchObject({ status: 'queued', attempt: 1, failures: 0 });

  startWorkers({ ...setup, store: storage.store }, engines, { resultWaitMs: FOREVER_MS });
  await waiting(3);
  storage.at.put = true;
  expect((await untilStatus(setup, kept!, 'succeeded')).job).toMatchObject({ attempt: 2, failures: 0 });
  expect(engines.seen.edits).toBe(3);
  await expectConsistent(setup);
});

it('a job that meets only trouble of the surroundings until its deadline expires, and says what it met last', async () => {
  const setup = await createTestSetup();
  const storage = switchable(setup.store);
  storage.at.get = false;
  const met = await submitEdit(setup, { maxAttempts: 1 });
  const { stop } = startWorkers(
    { ...setup, store: storage.store },
    createEngines(async () => resultWith('never')),
  );
  await until(async () => (await jobOf(setup, met)).job.attempt >= 2);
  await stop();
  expect((await jobOf(setup, met)).job).toMatchObject({ status: 'queued', failures: 0 });
  const untouched = await submitEdit(setup);
  await setup.database.pool.query('update jobs set deadline_at = now()');

  await expireJobs(setup.database.db, { ...ERROR, code: 'expired', message: 'Too late.' });

  // What callers may read, without the name of the bucket.
  const error = (message: string) => ({ status: 'expired', error: { code: 'expired', message } });
  expect((await jobOf(setup, met)).job).toMatchObject(
    error('Too late. Its last attempt ended with storage_unavailable: The object storage cannot be used.'),
  );
  expect((await jobOf(setup, untouched)).job).toMatchObject(
    error('Too late. No worker was free and able to begin it.'),
  );
  const { rows } = await setup.database.pool.query(
    `select data from job_events where type = 'job.expired' and job_id = $1`,
    [met],
  );
  expect(rows).toMatchObject([{ data: { error: { message: expect.stringContaining('storage_unavailable') } } }]);
});

it('a database that is away for longer than the lease, three times, costs no attempt', async () => {
  const setup = await createTestSetup();
  const engines = createEngines(async ({ hooks, number }) =>
    number <= 3 ? untilCanceled(hooks.signal) : resultWith('edited'),
  );
  startWorkers(setup, engines, { leaseMs: 600, heartbeatMs: 200 });
  const id = await submitEdit(setup);
  for (let outage = 1; outage <= 3; outage++) {
    await until(() => engines.seen.edits === outage);
    setup.proxy.cut();
    await until(() => engines.seen.canceled === outage);
    // A dispatcher that is nearer to the database has counted the lost lease already.
    if (outage < 3) {
      await until(async () => (await reapLeases(setup.database.db, ERROR)).queued.includes(id));
      expect((await jobOf(setup, id)).job.failures).toBe(1);
    }
    setup.proxy.mend();
    await until(async () => (await jobOf(setup, id)).job.failures === 0);
  }
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 4, failures: 0 });
  await expectConsistent(setup);
});

it('a worker that is stopped while it waits for its storage, or after a failure, ends at once', async () => {
  const setup = await createTestSetup();
  const storage = switchable(setup.store);
  storage.at.get = false;
  await submitEdit(setup);
  const engines = createEngines(async () => resultWith('never'));
  const pausing = startWorkers({ ...setup, store: storage.store }, engines, {
    retryFirstMs: FOREVER_MS,
    retryMaxMs: FOREVER_MS,
  });
  await until(async () => (await workerRows(setup))[0]?.ready === false);
  await pausing.stop();

  const hanging: ObjectStore = { ...setup.store, check: () => new Promise(() => undefined) };
  const checking = startWorkers({ ...setup, store: hanging }, engines, { answerMs: FOREVER_MS });
  await until(() => engines.seen.opened === 2);
  await checking.stop();
  expect((await setup.database.pool.query('select from workers')).rowCount).toBe(0);
});

/** A file system of 4 MiB, if this process may mount one. */
function smallDisk(): string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [];
  const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-test-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]).status === 0;
  return mounted ? [folder] : [];
}

describe.each(smallDisk())('on a disk of 4 MiB', (folder) => {
  const store = createStore(`file:${folder}/objects`);
  afterAll(async () => {
    spawnSync('umount', [folder]);
    await rm(folder, { recursive: true });
  });

  it('a worker whose disk is full takes no job until there is room', async () => {
    const setup = { ...(await createTestSetup()), store };
    const id = await submitEdit(setup);
    await writeFile(join(folder, 'filler'), new Uint8Array(8 * 2 ** 20)).catch(() => undefined);
    startWorkers(
      setup,
      createEngines(async () => resultWith('edited')),
    );
    await until(async () => {
      const [row] = await workerRows(setup);
      return row?.ready === false && row.last_error === 'The disk that holds the objects is full.';
    });
    expect((await jobOf(setup, id)).job).toMatchObject({ status: 'queued', attempt: 0 });
    await rm(join(folder, 'filler'));
    expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
  });
});
