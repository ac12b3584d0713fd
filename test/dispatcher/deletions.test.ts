import { expect, it } from 'vitest';
import { runDeletions, runOrphanSweep, runRetention } from '../../apps/dispatcher/src/index.ts';
import { deleteJob, requestCancel } from '../../packages/db/src/index.ts';
import { createStore, STORED_KINDS } from '../../packages/storage/src/index.ts';
import { count, OWNER } from '../db/jobs.ts';
import { type FakeS3, s3Error, startFakeS3 } from '../support/fake-s3.ts';
import { until } from '../support/until.ts';
import { createTestSetup, storePicture, submitEdit, type TestSetup } from '../worker/harness.ts';
import { depsOf, HOUR_MS, start } from './harness.ts';

const thumbnailOf = (pictureKey: string): string => STORED_KINDS.thumbnail.keyOf({ pictureKey });

/** A setup whose objects lie in a store without DeleteObjects, which also keeps those objects that are locked. */
async function withOldStore(): Promise<TestSetup & { readonly fake: FakeS3; readonly locked: Set<string> }> {
  const setup = await createTestSetup();
  const locked = new Set<string>();
  const fake = await startFakeS3(({ method, key, multiDelete }) => {
    if (multiDelete) return s3Error(501, 'NotImplemented');
    return method === 'DELETE' && locked.has(key) ? s3Error(403, 'AccessDenied') : undefined;
  });
  return { ...setup, store: createStore('s3://bucket', { s3: fake.options }), fake, locked };
}
const isOver = ({ database }: TestSetup): Promise<unknown> =>
  database.pool.query('update object_deletions set next_attempt_at = now()');
const noted = async ({ database }: TestSetup): Promise<string[]> =>
  (await database.pool.query<{ key: string; error: string }>('select key, error from object_deletions')).rows
    .map(({ key, error }) => `${key} ${error}`)
    .sort();
/** Waits until the metrics show so many objects. */
const untilShown = ({ metrics }: TestSetup, refused: number, waiting: number): Promise<void> =>
  until(async () => {
    const { values } = await metrics.objectDeletions.get();
    const of = (state: string): number | undefined => values.find(({ labels }) => labels.state === state)?.value;
    return of('refused') === refused && of('waiting') === waiting;
  });

it('an object that the storage refuses to delete keeps no other from being swept, is shown, and is deleted when it can be', async () => {
  const setup = await withOldStore();
  const { fake, locked } = setup;
  const orphans = Array.from({ length: 12 }, (_, i) => `inputs/asset_${i}`);
  for (const key of [...orphans, 'outputs/job_1/0a/0.png', 'others/1']) fake.objects.set(key, Buffer.from('x'));
  locked.add('inputs/asset_3');
  start(depsOf(setup, { orphanMs: HOUR_MS }), runOrphanSweep);
  await until(() => fake.objects.size === 2);
  await until(async () => (await noted(setup)).join() === 'inputs/asset_3 AccessDenied');
  expect([...fake.objects.keys()]).toEqual(['inputs/asset_3', 'others/1']);
  const tries = (): number => fake.seen.filter((each) => each === 'DELETE inputs/asset_3').length;
  const before = tries();
  const listings = (): number => fake.seen.filter((each) => each === 'GET').length;
  const lists = listings();
  await until(() => listings() >= lists + 8);
  expect(tries(), 'it is not tried again in each sweep').toBe(before);

  start(depsOf(setup), runDeletions);
  await untilShown(setup, 1, 0);
  expect(setup.lines.some((line) => line.includes('inputs/asset_3') && line.includes('AccessDenied'))).toBe(true);
  locked.clear();
  await isOver(setup);
  await until(() => !fake.objects.has('inputs/asset_3'));
  await untilShown(setup, 0, 0);
  expect(await noted(setup)).toEqual([]);
});

it('the objects of a deleted job are deleted also if who deleted it died before, with their thumbnails', async () => {
  const setup = await withOldStore();
  const { fake, database } = setup;
  const id = await submitEdit(setup);
  const [picture] = [...fake.objects.keys()];
  fake.objects.set(thumbnailOf(picture!), Buffer.from('x'));
  await requestCancel(database.db, { owner: OWNER, id });
  expect(await deleteJob(database, { owner: OWNER, id })).toEqual([picture]);
  start(depsOf(setup), runDeletions);
  await untilShown(setup, 0, 1);
  expect(fake.objects.size, 'who deleted the job may be about to do it').toBe(2);
  await isOver(setup);
  await until(() => fake.objects.size === 0);
  await until(async () => (await count(database, 'object_deletions')) === 0);
});

it('retention keeps what the storage refuses to be tried again, and deletes everything else', async () => {
  const setup = await withOldStore();
  const { fake, database, locked } = setup;
  const kept = await submitEdit(setup, { inputs: [await storePicture(setup), await storePicture(setup)] });
  await requestCancel(database.db, { owner: OWNER, id: kept });
  const unused = [await storePicture(setup), await storePicture(setup)];
  const [first] = [...fake.objects.keys()];
  for (const key of [first!, `inputs/${unused[0]}`]) locked.add(key);
  await database.pool.query(`update jobs set completed_at = now() - interval '2 hours'`);
  await database.pool.query(`update assets set last_used_at = now() - interval '2 hours'`);
  start(depsOf(setup, { retentionMs: HOUR_MS, unusedMs: HOUR_MS }), runRetention);
  await until(async () => (await count(database, 'jobs')) + (await count(database, 'assets')) === 0);
  const expected = [...locked].map((key) => `${key} AccessDenied`).sort();
  await until(async () => (await noted(setup)).join() === expected.join());
  expect([...fake.objects.keys()].toSorted()).toEqual([...locked].toSorted());
});

it('an object that has a row again is not deleted, whoever noted it', async () => {
  const setup = await withOldStore();
  const { fake, database } = setup;
  const used = `inputs/${await storePicture(setup)}`;
  await database.pool.query(`insert into object_deletions (key, next_attempt_at) values ($1, now()), ($2, now())`, [
    used,
    'inputs/asset_gone',
  ]);
  fake.objects.set('inputs/asset_gone', Buffer.from('x'));
  for (let i = 0; i < 2; i++) start(depsOf(setup), runDeletions);
  await until(async () => (await count(database, 'object_deletions')) === 0);
  expect([...fake.objects.keys()]).toEqual([used]);
});
