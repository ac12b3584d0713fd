import { describe, expect, it } from 'vitest';
import {
  addUpload,
  createApiKey,
  type Database,
  deleteSilentWorkers,
  findUpload,
  hasApiKeys,
  listApiKeys,
  listDeliveries,
  listJobs,
  listWorkers,
  lookUpApiKey,
  newId,
  readEventSeqs,
  readEvents,
  readInput,
  readJob,
  readOutput,
  recordProgress,
  redeliver,
  reportWorker,
  requestCancel,
  revokeApiKey,
  succeedJob,
  type WorkerState,
} from '../../packages/db/src/index.ts';
import { recordTry, takeDue } from './deliveries.ts';
import { freshDatabase } from './harness.ts';
import { atOnce, HOUR, OWNER, running, storeTestInput, submitOrFail, successOf } from './jobs.ts';

describe('what belongs to one owner does not exist for another', () => {
  it('jobs, results, uploads and deliveries', async () => {
    const database = await freshDatabase();
    const { db } = database;
    const inputs = [await storeTestInput(database, 'a')];
    const lease = await running(database, { webhookUrl: 'https://example.com', inputs });
    await succeedJob(db, lease, successOf(lease));
    const upload = newId('upload');
    await addUpload(db, { id: upload, owner: OWNER, key: `uploads/${upload}`, mediaType: 'image/png' });
    const [delivery] = await listDeliveries(db, { owner: OWNER, jobId: lease.jobId });
    for (const [owner, mine] of [
      [OWNER, true],
      ['bob', false],
    ] as const) {
      expect((await readJob(db, { id: lease.jobId, owner })) !== undefined).toBe(mine);
      expect(await listJobs(db, { owner, limit: 9 })).toHaveLength(mine ? 1 : 0);
      expect((await readOutput(db, { owner, jobId: lease.jobId, position: 0 })) !== undefined).toBe(mine);
      expect((await readInput(db, { owner, jobId: lease.jobId, position: 0 })) !== undefined).toBe(mine);
      expect((await findUpload(db, owner, upload)) !== undefined).toBe(mine);
      expect(await listDeliveries(db, { owner, jobId: lease.jobId })).toHaveLength(mine ? 1 : 0);
      expect(await redeliver(db, { owner, id: delivery!.id })).toBe(mine);
    }
    expect(await readOutput(db, { owner: OWNER, jobId: lease.jobId, position: 1 })).toBeUndefined();
    expect(await readInput(db, { owner: OWNER, jobId: lease.jobId, position: 1 })).toBeUndefined();
  });
});

describe('a list of jobs', () => {
  it('is the newest first, in pages without gap or repetition, also while jobs are added', async () => {
    const database = await freshDatabase();
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) ids.unshift(await submitOrFail(database));
    const seen: string[] = [];
    for (let before: string | undefined; ; ) {
      const page = await listJobs(database.db, { owner: OWNER, limit: 3, ...(before === undefined ? {} : { before }) });
      if (page.length === 0) break;
      seen.push(...page.map(({ job }) => job.id));
      before = seen.at(-1);
      await submitOrFail(database);
    }
    expect(seen).toEqual(ids);
  });

  it('of one state has those only, each with its pictures', async () => {
    const database = await freshDatabase();
    const inputs = [await storeTestInput(database, 'a'), await storeTestInput(database, 'b')];
    const [kept, other] = [
      await submitOrFail(database, { inputs }),
      await submitOrFail(database, { inputs: inputs.slice(1) }),
    ];
    await requestCancel(database.db, { owner: OWNER, id: other });
    const queued = await listJobs(database.db, { owner: OWNER, status: 'queued', limit: 9 });
    expect(queued.map((record) => [record.job.id, record.inputs.map(({ id }) => id)])).toEqual([[kept, inputs]]);
    const canceled = await listJobs(database.db, { owner: OWNER, status: 'canceled', limit: 9 });
    expect(canceled.map((record) => [record.job.id, record.inputs.length])).toEqual([[other, 1]]);
    const both = await listJobs(database.db, { owner: OWNER, status: ['queued', 'canceled'], limit: 9 });
    expect(both.map(({ job }) => job.id)).toEqual([other, kept]);
    expect(await listJobs(database.db, { owner: OWNER, status: ['failed', 'succeeded'], limit: 9 })).toEqual([]);
  });

  it('is found by a part of the prompt in any case, or by its id, and nothing in it stands for anything else', async () => {
    const database = await freshDatabase();
    const prompts = ['Make it NIGHT', '100% blue_sky', 'back\\slash', '把它变成夜晚', '100 blue sky'];
    const ids: string[] = [];
    for (const prompt of prompts) ids.push(await submitOrFail(database, { parameters: { prompt } }));
    const found = async (search: string) =>
      (await listJobs(database.db, { owner: OWNER, search, limit: 9 }))
        .map(({ job }) => ids.indexOf(job.id))
        .toSorted();
    expect(await found('night')).toEqual([0]);
    expect(await found('%')).toEqual([1]);
    expect(await found('blue_sky')).toEqual([1]);
    expect(await found('k\\s')).toEqual([2]);
    expect(await found('变成')).toEqual([3]);
    expect(await found('BLUE')).toEqual([1, 4]);
    expect(await found(ids[2]!)).toEqual([2]);
    expect(await found(ids[2]!.slice(0, -1))).toEqual([]);
    expect(await found('"prompt"')).toEqual([]);
    expect(await listJobs(database.db, { owner: 'bob', search: 'night', limit: 9 })).toEqual([]);
  });
});

it('events are read in order after any number, and their newest numbers for many jobs at once', async () => {
  const database = await freshDatabase();
  const lease = await running(database);
  for (const step of [1, 2, 3]) await recordProgress(database.db, lease, { stage: 'denoise', step, total: 3 });
  const other = await submitOrFail(database);
  const seqs = async (after: number, limit: number) =>
    (await readEvents(database.db, lease.jobId, after, limit)).map(({ seq }) => seq);
  expect(await seqs(0, 100)).toEqual([1, 2, 3, 4, 5]);
  expect(await seqs(2, 2)).toEqual([3, 4]);
  expect(await seqs(5, 100)).toEqual([]);
  expect(await seqs(1_000_000, 100)).toEqual([]);
  const newest = await readEventSeqs(database.db, [lease.jobId, other, 'job_none']);
  expect([...newest].toSorted()).toEqual(
    [
      [lease.jobId, 5],
      [other, 1],
    ].toSorted(),
  );
  expect(await readEventSeqs(database.db, [])).toEqual(new Map());
});

describe('the delivery of a webhook', () => {
  const ATTEMPT = { at: '2030-01-01T00:00:00.000Z', status: 500, duration_ms: 3, error: null };

  async function ended(database: Database, url: string): Promise<string> {
    const id = await submitOrFail(database, { webhookUrl: url, webhookSecret: 'whsec_x' });
    await requestCancel(database.db, { owner: OWNER, id });
    return id;
  }

  it('is taken by one of 6 at once, and by another when the first was lost with it', async () => {
    const database = await freshDatabase();
    const ids = await atOnce(9, () => ended(database, 'https://a.example/hook'));
    const taken = (await atOnce(6, () => takeDue(database))).flat();
    expect(taken.map(({ jobId }) => jobId).toSorted()).toEqual(ids.toSorted());
    expect(taken[0]).toMatchObject({ eventType: 'job.canceled', secret: 'whsec_x', attempt: 0 });
    expect(taken[0]!.lane).toEqual({ owner: OWNER, receiver: 'https://a.example', standing: 'new', trial: false });
    expect(await takeDue(database)).toEqual([]);
    await database.pool.query('update webhook_deliveries set locked_until = now()');
    const again = await takeDue(database);
    expect(again.map(({ id }) => id).toSorted()).toEqual(taken.map(({ id }) => id).toSorted());
  });

  it('is not taken for a receiver that is busy', async () => {
    const database = await freshDatabase();
    const [slow, quick] = [
      await ended(database, 'https://slow.example:8443/x'),
      await ended(database, 'https://b.example'),
    ];
    expect(
      (await takeDue(database, { want: ({ receiver }) => receiver !== 'https://slow.example:8443' })).map(
        ({ jobId }) => jobId,
      ),
    ).toEqual([quick]);
    expect((await takeDue(database)).map(({ jobId }) => jobId)).toEqual([slow]);
  });

  it('keeps its id and its log over all attempts, and over a manual one', async () => {
    const database = await freshDatabase();
    const jobId = await ended(database, 'https://a.example');
    const [first] = await takeDue(database);
    await recordTry(database, first!.id, ATTEMPT, { status: 'pending', delayMs: HOUR });
    expect(await takeDue(database)).toEqual([]);
    await database.pool.query('update webhook_deliveries set next_attempt_at = now()');
    expect(await takeDue(database)).toMatchObject([{ id: first!.id, attempt: 1 }]);
    await recordTry(database, first!.id, { ...ATTEMPT, status: 410 }, { status: 'failed' });
    expect(await takeDue(database)).toEqual([]);
    expect(await redeliver(database.db, { owner: OWNER, id: first!.id })).toBe(true);
    expect(await takeDue(database)).toMatchObject([{ id: first!.id, attempt: 0 }]);
    await recordTry(database, first!.id, { ...ATTEMPT, status: 204 }, { status: 'delivered' });
    // Who was thought dead and answers late changes nothing any more.
    await recordTry(database, first!.id, ATTEMPT, { status: 'pending', delayMs: 0 });
    const [row] = await listDeliveries(database.db, { owner: OWNER, jobId });
    expect(row).toMatchObject({ id: first!.id, status: 'delivered', eventSeq: 2 });
    expect(row?.log.map(({ status }) => status)).toEqual([500, 410, 204]);
  });
});

it('an API key is found by its secret until it is revoked; only its hash is kept', async () => {
  const database = await freshDatabase();
  const { db } = database;
  expect(await hasApiKeys(db)).toBe(false);
  const { row, secret } = await createApiKey(db, { owner: OWNER, name: 'mine', scopes: ['submit', 'read'] });
  expect(await lookUpApiKey(db, secret)).toEqual({ state: 'valid', row });
  expect(await lookUpApiKey(db, `${secret}x`)).toEqual({ state: 'unknown' });
  const { rows } = await database.pool.query<{ text: string }>('select api_keys::text as text from api_keys');
  expect(rows[0]?.text).not.toContain(secret);
  expect(await revokeApiKey(db, row.id)).toBe(true);
  expect(await revokeApiKey(db, row.id)).toBe(false);
  expect(await lookUpApiKey(db, secret)).toEqual({ state: 'revoked' });
  expect(await hasApiKeys(db)).toBe(true);
  expect(await listApiKeys(db)).toMatchObject([{ id: row.id, name: 'mine' }]);
});

it('a worker is listed while it is heard of', async () => {
  const database = await freshDatabase();
  const { db } = database;
  const worker: WorkerState = {
    id: newId('worker'),
    host: 'h',
    pid: 1,
    device: 'cpu',
    gpuId: null,
    ready: false,
    model: null,
    lastError: null,
  };
  await reportWorker(db, worker);
  await database.pool.query(
    `update workers set started_at = now() - interval '1 hour', heartbeat_at = now() - interval '1 minute'`,
  );
  expect(await listWorkers(db, 10_000)).toEqual([]);
  await reportWorker(db, {
    ...worker,
    ready: true,
    model: { id: 'demo' },
    download: { bytes: 7 },
    lastError: 'it crashed',
  });
  const [row] = await listWorkers(db, 10_000);
  expect(row).toMatchObject({ ready: true, model: { id: 'demo' }, download: { bytes: 7 }, lastError: 'it crashed' });
  await reportWorker(db, worker);
  expect((await listWorkers(db, 10_000))[0]?.download).toBeNull();
  expect(row?.uptimeSeconds).toBeGreaterThanOrEqual(3600);
  await deleteSilentWorkers(db, 10_000);
  expect(await listWorkers(db, HOUR)).toHaveLength(1);
  await deleteSilentWorkers(db, -1000);
  expect(await listWorkers(db, HOUR)).toEqual([]);
});
