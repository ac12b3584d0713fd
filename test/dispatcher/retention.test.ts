import { expect, it } from 'vitest';
import { runOrphanSweep, runRetention } from '../../apps/dispatcher/src/index.ts';
import {
  addUpload,
  beginSession,
  createApiKey,
  lookUpSession,
  newId,
  reportWorker,
} from '../../packages/db/src/index.ts';
import { STORED_KINDS, type StoredKind } from '../../packages/storage/src/index.ts';
import { count, rawJob } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createEngines, resultWith } from '../worker/engine-double.ts';
import {
  createTestSetup,
  expectConsistent,
  jobOf,
  keysOf,
  startWorkers,
  storePicture,
  submitEdit,
  type TestSetup,
  untilStatus,
} from '../worker/harness.ts';
import { depsOf, HOUR_MS, start } from './harness.ts';

async function edited(setup: TestSetup, inputs: string[], webhookUrl?: string): Promise<string> {
  const id = await submitEdit(setup, { inputs, ...(webhookUrl === undefined ? {} : { webhookUrl }) });
  await untilStatus(setup, id, 'succeeded');
  return id;
}

const thumbnailOf = (pictureKey: string): string => STORED_KINDS.thumbnail.keyOf({ pictureKey });

const age = (setup: TestSetup, id: string): Promise<unknown> =>
  setup.database.pool.query(`update jobs set completed_at = now() - interval '2 hours' where id = $1`, [id]);

it('old jobs are deleted with their pictures; young jobs, shared pictures and undelivered webhooks keep what they need', async () => {
  const setup = await createTestSetup();
  const worker = startWorkers(
    setup,
    createEngines(async () => resultWith('edited')),
  );
  const [shared, own, other] = [await storePicture(setup), await storePicture(setup), await storePicture(setup)];
  const old = await edited(setup, [shared, own]);
  const young = await edited(setup, [shared]);
  const untold = await edited(setup, [other], 'http://127.0.0.1:9/');
  await worker.stop();
  await age(setup, old);
  await age(setup, untold);

  start(depsOf(setup, { retentionMs: HOUR_MS }), runRetention);
  await until(async () => (await rawJob(setup.database, old)) === undefined);
  await until(async () => (await keysOf(setup, 'inputs/')).length === 2);

  expect(await keysOf(setup, 'inputs/')).toEqual([shared, other].map((id) => `inputs/${id}`).sort());
  expect((await jobOf(setup, young)).outputs).toHaveLength(1);
  expect((await jobOf(setup, untold)).outputs).toHaveLength(1);
  expect(await keysOf(setup, 'outputs/')).toHaveLength(2);
  await expectConsistent(setup);
});

it('thumbnails are deleted with their pictures, and stay as long as these', async () => {
  const setup = await createTestSetup();
  const worker = startWorkers(
    setup,
    createEngines(async () => resultWith('edited')),
  );
  const [shared, own] = [await storePicture(setup), await storePicture(setup)];
  const old = await edited(setup, [shared, own]);
  const young = await edited(setup, [shared]);
  await worker.stop();
  const unused = await storePicture(setup);
  const before = await keysOf(setup, '');
  expect(before).toHaveLength(5);
  for (const key of before) await setup.store.put(thumbnailOf(key), new Uint8Array(3), { mediaType: 'image/webp' });
  await age(setup, old);
  await setup.database.pool.query(`update assets set last_used_at = now() - interval '2 hours' where id = $1`, [
    unused,
  ]);
  // What was made while its picture was deleted.
  await setup.store.put('thumbnails/inputs/asset_gone.webp', new Uint8Array(3), { mediaType: 'image/webp' });

  const retention = start(depsOf(setup, { retentionMs: HOUR_MS, unusedMs: HOUR_MS }), runRetention);
  await until(async () => (await keysOf(setup, 'inputs/')).length === 1);
  await until(async () => (await keysOf(setup, 'thumbnails/')).length === 3);
  await retention.stop();
  const now = (): Date => new Date(Date.now() + 2 * HOUR_MS);
  start(depsOf(setup, { orphanMs: HOUR_MS }, { now }), runOrphanSweep);
  await until(async () => (await keysOf(setup, 'thumbnails/')).length === 2);

  const result = (await jobOf(setup, young)).outputs[0]!.key;
  const kept = [`inputs/${shared}`, result];
  expect(await keysOf(setup, '')).toEqual([...kept, ...kept.map(thumbnailOf)].sort());
});

it('pictures and uploads that nothing uses are deleted after a while, and so are silent workers and old keys', async () => {
  const setup = await createTestSetup();
  const { database, store } = setup;
  const [unused, used] = [await storePicture(setup), await storePicture(setup)];
  await submitEdit(setup, { inputs: [used] });
  const upload = newId('upload');
  await store.put(`uploads/${upload}`, new Uint8Array(3), { mediaType: 'image/png' });
  await addUpload(database.db, { id: upload, owner: 'ann', key: `uploads/${upload}`, mediaType: 'image/png' });
  const facts = { host: 'here', pid: 1, device: 'cpu', gpuId: null, ready: true, model: null, lastError: null };
  await reportWorker(database.db, { id: 'worker_gone', ...facts });
  await reportWorker(database.db, { id: 'worker_here', ...facts });
  await database.pool.query(`update assets set last_used_at = now() - interval '2 hours'`);
  await database.pool.query(`update workers set heartbeat_at = now() - interval '2 hours' where id = 'worker_gone'`);

  start(depsOf(setup, { unusedMs: HOUR_MS, silentWorkerMs: HOUR_MS }), runRetention);
  await until(async () => (await count(database, 'workers')) === 1);
  await until(async () => (await keysOf(setup, '')).length === 1);
  expect(await keysOf(setup, '')).toEqual([`inputs/${used}`]);
  expect(await count(database, 'assets')).toBe(1);
  expect(unused).not.toBe(used);
});

it('sessions that have expired are deleted, and others stay', async () => {
  const setup = await createTestSetup();
  const { db, pool } = setup.database;
  const { row } = await createApiKey(db, { owner: 'ann', name: 'x', scopes: ['read'] });
  const ids = [await beginSession(db, { keyId: row.id }, -1000), await beginSession(db, { keyId: row.id }, HOUR_MS)];
  start(depsOf(setup, {}), runRetention);
  await until(async () => (await pool.query('select from sessions')).rowCount === 1);
  expect(await lookUpSession(db, ids[0]!)).toEqual({ state: 'unknown' });
  expect(await lookUpSession(db, ids[1]!)).toMatchObject({ state: 'valid', key: { owner: 'ann' } });
});

it('the sweep deletes old objects without a row, and leaves what is used, what is young, and what is not ours', async () => {
  const setup = await createTestSetup();
  const worker = startWorkers(
    setup,
    createEngines(async () => resultWith('edited')),
  );
  const picture = await storePicture(setup);
  const id = await edited(setup, [picture]);
  await worker.stop();
  const kept = [...(await keysOf(setup, '')), 'others/1'];
  const orphans = ['inputs/asset_lost', `outputs/${id}/0123/0.png`, 'uploads/upload_late'];
  for (const key of [...orphans, 'others/1']) await setup.store.put(key, new Uint8Array(3), { mediaType: 'image/png' });

  let listings = 0;
  const store: typeof setup.store = {
    ...setup.store,
    list(...args) {
      listings++;
      return setup.store.list(...args);
    },
  };
  const { stop } = start(depsOf(setup, { orphanMs: HOUR_MS }, { store }), runOrphanSweep);
  await until(() => listings >= 7);
  expect(await keysOf(setup, '')).toEqual([...kept, ...orphans].sort());
  await stop();

  // Two hours later.
  const now = (): Date => new Date(Date.now() + 2 * HOUR_MS);
  start(depsOf(setup, { orphanMs: HOUR_MS }, { now }), runOrphanSweep);
  await until(async () => (await keysOf(setup, '')).length === kept.length);
  expect(await keysOf(setup, '')).toEqual(kept.sort());
  await expectConsistent(setup);
});

it('a stored kind says whether it is swept: of old objects without a row one kind goes, another stays, and no other key', async () => {
  const setup = await createTestSetup();
  const parse = (prefix: string) => (key: string) =>
    /^[a-z-]+\/\d+$/.test(key) && key.startsWith(prefix) ? {} : undefined;
  const planted: readonly StoredKind[] = [
    {
      prefix: 'swept-kind/',
      lifetime: 'Nobody.',
      sweep: { rule: 'without-row', rowKey: (key) => key },
      parse: parse('swept-kind/'),
    },
    { prefix: 'kept-kind/', lifetime: 'A person.', sweep: { rule: 'never' }, parse: parse('kept-kind/') },
  ];
  const kept = ['inputs/asset_lost', 'kept-kind/1', 'others/1', 'swept-kind/of-no-kind'];
  for (const key of [...kept, 'swept-kind/1'])
    await setup.store.put(key, new Uint8Array(3), { mediaType: 'image/png' });

  const now = (): Date => new Date(Date.now() + 2 * HOUR_MS);
  let rounds = 0;
  const store: typeof setup.store = {
    ...setup.store,
    list(prefix, options) {
      if (prefix === 'swept-kind/') rounds++;
      return setup.store.list(prefix, options);
    },
  };
  start(depsOf(setup, { orphanMs: HOUR_MS }, { now, store, storedKinds: planted }), runOrphanSweep);
  await until(() => rounds >= 3);
  expect(await keysOf(setup, '')).toEqual(kept);
});
