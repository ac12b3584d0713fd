import { expect, it } from 'vitest';
import { runOrphanSweep, runRetention } from '../../apps/dispatcher/src/index.ts';
import { addUpload, newId, reportWorker } from '../../packages/db/src/index.ts';
import { STORED_KINDS, type StoredKind } from '../../packages/storage/src/index.ts';
import { count, rawJob } from '../db/jobs.ts';
import { createEngines, resultWith } from '../worker/engine-double.ts';
import {
  expectConsistent,
  jobOf,
  keysOf,
  makePlace,
  type Place,
  startWorkers,
  storePicture,
  submitEdit,
  until,
  untilStatus,
} from '../worker/harness.ts';
import { depsOf, HOUR, start } from './harness.ts';

async function edited(place: Place, inputs: string[], webhookUrl?: string): Promise<string> {
  const id = await submitEdit(place, { inputs, ...(webhookUrl === undefined ? {} : { webhookUrl }) });
  await untilStatus(place, id, 'succeeded');
  return id;
}

const thumbnailOf = (pictureKey: string): string => STORED_KINDS.thumbnail.keyOf({ pictureKey });

const age = (place: Place, id: string): Promise<unknown> =>
  place.database.pool.query(`update jobs set completed_at = now() - interval '2 hours' where id = $1`, [id]);

it('old jobs go with their pictures; young ones, shared pictures and untold webhooks keep what they need', async () => {
  const place = await makePlace();
  const worker = startWorkers(
    place,
    createEngines(async () => resultWith('edited')),
  );
  const [shared, own, other] = [await storePicture(place), await storePicture(place), await storePicture(place)];
  const old = await edited(place, [shared, own]);
  const young = await edited(place, [shared]);
  const untold = await edited(place, [other], 'http://127.0.0.1:9/');
  await worker.stop();
  await age(place, old);
  await age(place, untold);

  start(depsOf(place, { retentionMs: HOUR }), runRetention);
  await until(async () => (await rawJob(place.database, old)) === undefined);
  await until(async () => (await keysOf(place, 'inputs/')).length === 2);

  expect(await keysOf(place, 'inputs/')).toEqual([shared, other].map((id) => `inputs/${id}`).sort());
  expect((await jobOf(place, young)).outputs).toHaveLength(1);
  expect((await jobOf(place, untold)).outputs).toHaveLength(1);
  expect(await keysOf(place, 'outputs/')).toHaveLength(2);
  await expectConsistent(place);
});

it('thumbnails go with their pictures, and stay as long as these', async () => {
  const place = await makePlace();
  const worker = startWorkers(
    place,
    createEngines(async () => resultWith('edited')),
  );
  const [shared, own] = [await storePicture(place), await storePicture(place)];
  const old = await edited(place, [shared, own]);
  const young = await edited(place, [shared]);
  await worker.stop();
  const unused = await storePicture(place);
  const before = await keysOf(place, '');
  expect(before).toHaveLength(5);
  for (const key of before) await place.store.put(thumbnailOf(key), new Uint8Array(3), { mediaType: 'image/webp' });
  await age(place, old);
  await place.database.pool.query(`update assets set last_used_at = now() - interval '2 hours' where id = $1`, [
    unused,
  ]);
  // What was made while its picture was deleted.
  await place.store.put('thumbnails/inputs/asset_gone.webp', new Uint8Array(3), { mediaType: 'image/webp' });

  const retention = start(depsOf(place, { retentionMs: HOUR, unusedMs: HOUR }), runRetention);
  await until(async () => (await keysOf(place, 'inputs/')).length === 1);
  await until(async () => (await keysOf(place, 'thumbnails/')).length === 3);
  await retention.stop();
  const now = (): Date => new Date(Date.now() + 2 * HOUR);
  start(depsOf(place, { orphanMs: HOUR }, { now }), runOrphanSweep);
  await until(async () => (await keysOf(place, 'thumbnails/')).length === 2);

  const result = (await jobOf(place, young)).outputs[0]!.key;
  const kept = [`inputs/${shared}`, result];
  expect(await keysOf(place, '')).toEqual([...kept, ...kept.map(thumbnailOf)].sort());
});

it('pictures and uploads that nothing uses go after a while, silent workers and old keys too', async () => {
  const place = await makePlace();
  const { database, store } = place;
  const [unused, used] = [await storePicture(place), await storePicture(place)];
  await submitEdit(place, { inputs: [used] });
  const upload = newId('upload');
  await store.put(`uploads/${upload}`, new Uint8Array(3), { mediaType: 'image/png' });
  await addUpload(database.db, { id: upload, owner: 'ann', key: `uploads/${upload}`, mediaType: 'image/png' });
  const facts = { host: 'here', pid: 1, device: 'cpu', gpuId: null, ready: true, model: null, lastError: null };
  await reportWorker(database.db, { id: 'worker_gone', ...facts });
  await reportWorker(database.db, { id: 'worker_here', ...facts });
  await database.pool.query(`update assets set last_used_at = now() - interval '2 hours'`);
  await database.pool.query(`update workers set heartbeat_at = now() - interval '2 hours' where id = 'worker_gone'`);

  start(depsOf(place, { unusedMs: HOUR, silentWorkerMs: HOUR }), runRetention);
  await until(async () => (await count(database, 'workers')) === 1);
  await until(async () => (await keysOf(place, '')).length === 1);
  expect(await keysOf(place, '')).toEqual([`inputs/${used}`]);
  expect(await count(database, 'assets')).toBe(1);
  expect(unused).not.toBe(used);
});

it('the sweep deletes old objects without a row, and leaves what is used, what is young, and what is not ours', async () => {
  const place = await makePlace();
  const worker = startWorkers(
    place,
    createEngines(async () => resultWith('edited')),
  );
  const picture = await storePicture(place);
  const id = await edited(place, [picture]);
  await worker.stop();
  const kept = [...(await keysOf(place, '')), 'others/1'];
  const orphans = ['inputs/asset_lost', `outputs/${id}/0123/0.png`, 'uploads/upload_late'];
  for (const key of [...orphans, 'others/1']) await place.store.put(key, new Uint8Array(3), { mediaType: 'image/png' });

  let listings = 0;
  const store: typeof place.store = {
    ...place.store,
    list(...args) {
      listings++;
      return place.store.list(...args);
    },
  };
  const { stop } = start(depsOf(place, { orphanMs: HOUR }, { store }), runOrphanSweep);
  await until(() => listings >= 7);
  expect(await keysOf(place, '')).toEqual([...kept, ...orphans].sort());
  await stop();

  // Two hours later.
  const now = (): Date => new Date(Date.now() + 2 * HOUR);
  start(depsOf(place, { orphanMs: HOUR }, { now }), runOrphanSweep);
  await until(async () => (await keysOf(place, '')).length === kept.length);
  expect(await keysOf(place, '')).toEqual(kept.sort());
  await expectConsistent(place);
});

it('a stored kind says whether it is swept: of old objects without a row one kind goes, another stays, and no other key', async () => {
  const place = await makePlace();
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
    await place.store.put(key, new Uint8Array(3), { mediaType: 'image/png' });

  const now = (): Date => new Date(Date.now() + 2 * HOUR);
  let rounds = 0;
  const store: typeof place.store = {
    ...place.store,
    list(prefix, options) {
      if (prefix === 'swept-kind/') rounds++;
      return place.store.list(prefix, options);
    },
  };
  start(depsOf(place, { orphanMs: HOUR }, { now, store, storedKinds: planted }), runOrphanSweep);
  await until(() => rounds >= 3);
  expect(await keysOf(place, '')).toEqual(kept);
});
