import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Job, Problem } from '../../packages/contract/src/index.ts';
import { createDatabase, type Database } from '../../packages/db/src/index.ts';
import { freshUrl } from '../db/harness.ts';
import { type FaultyProxy, startProxy, type WireFault } from '../db/proxy.ts';
import {
  claim,
  eventually,
  finishJob,
  picture,
  startTestApi,
  submitJson,
  type TestApi,
  type TestApiOptions,
} from './harness.ts';

const bytes = await picture();
const image = bytes.toString('base64');
const body = { prompt: 'x', images: [image] };
const FOREVER_MS = 600_000;

/** An API whose connections to the database run through a proxy, and the test's own connections to the same database. */
interface Trial {
  readonly api: TestApi;
  readonly proxy: FaultyProxy;
  readonly straight: Database;
}

async function trial(options: TestApiOptions = {}, max = 4): Promise<Trial> {
  const url = await freshUrl();
  const proxy = await startProxy(url);
  const [database, straight] = [createDatabase({ url: proxy.url, max }), createDatabase({ url, max: 4 })];
  onTestFinished(async () => {
    await Promise.all([database.close(), straight.close()]);
  });
  const api = await startTestApi({ ...options, database, limits: { lookupMs: FOREVER_MS, ...options.limits } });
  return { api, proxy, straight };
}

const jobIds = async ({ straight }: Trial): Promise<string[]> =>
  (await straight.pool.query<{ id: string }>('select id from jobs')).rows.map(({ id }) => id);

function form(): FormData {
  const fields = new FormData();
  fields.append('image', new Blob([new Uint8Array(bytes)]), 'a.png');
  fields.append('prompt', 'x');
  return fields;
}

/** Every way to submit a job that is answered at once. */
const WAYS: Readonly<Record<string, (api: TestApi) => Promise<Response>>> = {
  JSON: (api) => submitJson(api, body),
  'JSON with an Idempotency-Key': (api) => submitJson(api, body, { 'idempotency-key': 'order 17' }),
  'a form': (api) => fetch(`${api.url}/v1/jobs`, { method: 'POST', body: form() }),
  'a form, with Prefer: wait': (api) =>
    fetch(`${api.url}/v1/jobs`, { method: 'POST', body: form(), headers: { prefer: 'wait=1' } }),
};

/** What gets lost on the way, once. Without a limit of the queue and without a key, one statement is the whole transaction. */
const LOSSES: Readonly<Record<string, readonly [number | undefined, string, WireFault]>> = {
  'the answer to COMMIT': [9, 'commit', 'answer_lost'],
  'COMMIT itself': [9, 'commit', 'reset'],
  'the answer to the statement that commits by itself': [undefined, 'insert into jobs', 'answer_lost'],
  'the statement that commits by itself': [undefined, 'insert into jobs', 'reset'],
};
const TRIALS: readonly (readonly [string, string])[] = [
  ...Object.keys(LOSSES).map((loss) => ['JSON', loss] as const),
  ...Object.keys(WAYS).flatMap((way) => (way === 'JSON' ? [] : [[way, 'the answer to COMMIT'] as const])),
];

describe('a submission whose commit had no answer is looked up, answered with 202, and is one job', () => {
  it.each(TRIALS)('%s; lost is %s', async (way, loss) => {
    const [maxQueue, text, fault] = LOSSES[loss]!;
    const set = await trial({ maxQueue });
    set.proxy.break(text, fault, 1);
    const response = await WAYS[way]!(set.api);
    expect(response.status).toBe(202);
    const job = (await response.json()) as Job;
    expect(response.headers.get('location')).toBe(job.urls.get);
    expect(await jobIds(set)).toEqual([job.id]);
  });

  it.each(['answer_lost', 'reset'] as const)('also if it was that of its picture: %s', async (fault) => {
    const set = await trial({ maxUnusedBytes: 1_000_000 });
    set.proxy.break('commit', fault, 1);
    expect((await submitJson(set.api, body)).status).toBe(202);
    expect(await jobIds(set)).toHaveLength(1);
    expect((await set.straight.pool.query('select from assets')).rowCount).toBe(1);
    expect((await set.straight.pool.query('select from unused_assets')).rowCount).toBe(0);
  });

  it('also if the queue is full by that very job', async () => {
    const set = await trial({ maxQueue: 1 });
    set.proxy.break('commit', 'answer_lost', 1);
    expect((await submitJson(set.api, body)).status).toBe(202);
    expect(await jobIds(set)).toHaveLength(1);
    expect((await submitJson(set.api, body)).status).toBe(429);
  });
});

describe('a submission whose commit cannot be looked up names its job, and is safe to repeat with that id', () => {
  it.each([
    ['was executed', 'answer_lost', 1, undefined],
    ['was not executed', 'reset', 0, undefined],
    ['of a request with a key was executed', 'answer_lost', 1, 'order 17'],
    ['of a request with a key was not executed', 'reset', 0, 'order 17'],
  ] as const)('COMMIT %s', async (_, fault, made, own) => {
    const set = await trial({ maxQueue: 9, limits: { lookupMs: 300, idempotencyHoldMs: 400 } });
    // From the first COMMIT on, nothing gets through any more.
    set.proxy.break('commit', fault, 1);
    const once = set.api.database.pool;
    once.on('remove', () => set.proxy.break('', 'reset'));
    const response = await submitJson(set.api, body, own === undefined ? {} : { 'idempotency-key': own });
    expect(response.status).toBe(503);
    const problem = (await response.json()) as Problem;
    expect(problem).toMatchObject({ code: 'database_unavailable', retryable: true, job_id: expect.any(String) });
    expect(problem.hint).toContain(
      own === undefined ? `Idempotency-Key: ${problem.job_id}` : 'the same Idempotency-Key',
    );
    const key = { 'idempotency-key': own ?? problem.job_id! };
    once.removeAllListeners('remove');
    set.proxy.heal();
    await eventually(async () => (await jobIds(set)).length === made);

    const repeats = await Promise.all(
      Array.from({ length: 10 }, async () => {
        for (;;) {
          const repeat = await submitJson(set.api, body, key);
          if (repeat.status === 409) await delay(50);
          else return { status: repeat.status, job: (await repeat.json()) as Job };
        }
      }),
    );
    expect(new Set(repeats.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = await jobIds(set);
    expect(ids).toHaveLength(1);
    expect(new Set(repeats.map(({ job }) => job.id))).toEqual(new Set(ids));
    if (made === 1) expect(ids).toEqual([problem.job_id]);
    const other = await submitJson(set.api, { ...body, prompt: 'y' }, key);
    expect(other.status).toBe(422);
  });

  it('the id of a job means nothing to another owner', async () => {
    const set = await trial();
    const theirs = (await (await submitJson(set.api, body)).json()) as Job;
    await set.straight.pool.query(`update jobs set owner = 'bob'`);
    await set.straight.pool.query(`update idempotency_keys set owner = 'bob'`);
    const mine = await submitJson(set.api, { ...body, prompt: 'y' }, { 'idempotency-key': theirs.id });
    expect([mine.status, mine.headers.get('idempotent-replayed')]).toEqual([202, null]);
    expect(await jobIds(set)).toHaveLength(2);
  });
});

describe('once a commit is known, no trouble of the database is answered with an error', () => {
  it.each([
    ['JSON', 'silence'],
    ['JSON with an Idempotency-Key', 'reset'],
    ['a form', 'reset'],
    ['a form, with Prefer: wait', 'reset'],
  ] as const)('%s; what is read after the commit meets %s', async (way, fault) => {
    const set = await trial({ limits: { afterCommitMs: 200 } });
    set.proxy.break('ahead as materialized', fault);
    const response = await WAYS[way]!(set.api);
    expect(response.status).toBe(202);
    const job = (await response.json()) as Job;
    expect(job).toMatchObject({ status: 'queued', progress: { queue_position: null } });
    expect(await jobIds(set)).toEqual([job.id]);
  });

  it('a caller who waits gets 202 when the database goes away during the wait', async () => {
    const set = await trial({ limits: { afterCommitMs: 200 } });
    const answer = submitJson(set.api, body, { prefer: 'wait=1' });
    await eventually(() => set.api.api.stats().waiting === 1);
    set.proxy.break('', 'reset');
    const response = await answer;
    expect([response.status, response.headers.get('preference-applied')]).toEqual([202, 'wait=1']);
    expect(await jobIds(set)).toEqual([((await response.json()) as Job).id]);
  });

  it('a caller of /edit waits until the database is back, and gets the picture', async () => {
    const set = await trial({ limits: { afterCommitMs: 200 } });
    const answer = fetch(`${set.api.url}/edit`, { method: 'POST', body: form() });
    await eventually(() => set.api.api.stats().waiting === 1);
    set.proxy.break('', 'reset');
    const [id] = await jobIds(set);
    await finishJob({ ...set.api, database: set.straight }, await claim(set.straight, id!), [await picture('#f00')]);
    set.proxy.heal();
    const response = await answer;
    expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ job_id: id })]);
  });

  it('a caller of /edit whose results cannot be read now gets 202 and the job', async () => {
    const set = await trial({
      wrapStore: (store) => ({
        ...store,
        get: (key, ...rest) => (key.startsWith('outputs/') ? Promise.resolve(undefined) : store.get(key, ...rest)),
      }),
    });
    const answer = fetch(`${set.api.url}/edit`, { method: 'POST', body: form() });
    await eventually(() => set.api.api.stats().waiting === 1);
    const [id] = await jobIds(set);
    await finishJob(set.api, await claim(set.straight, id!), [await picture('#f00')]);
    const response = await answer;
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ id, status: 'succeeded', output: [{ index: 0 }] });
  });

  it.each([
    ['a cancel', 'POST', '/cancel', 'update jobs set', 200, 'canceled'],
    ['a deletion', 'DELETE', '', 'commit', 204, undefined],
  ] as const)('%s whose answer was lost is done, and says so', async (_, method, path, text, status, left) => {
    const set = await trial();
    const { id } = (await (await submitJson(set.api, body)).json()) as Job;
    if (left === undefined) await set.straight.pool.query(`update jobs set status = 'canceled', completed_at = now()`);
    set.proxy.break(text, 'answer_lost', 1);
    const response = await fetch(`${set.api.url}/v1/jobs/${id}${path}`, { method });
    expect(response.status).toBe(status);
    const { rows } = await set.straight.pool.query('select status from jobs');
    expect(rows).toEqual(left === undefined ? [] : [{ status: left }]);
  });

  it('a cancel after which the job cannot be read is answered with 202', async () => {
    // With one connection each statement is prepared again after the break, so that the proxy sees its text.
    const set = await trial({ limits: { afterCommitMs: 200 } }, 1);
    const { id } = (await (await submitJson(set.api, body)).json()) as Job;
    await claim(set.straight, id);
    set.proxy.break('job.cancel_requested', 'answer_lost', 1);
    set.api.database.pool.once('remove', () => set.proxy.break('from "jobs"', 'reset'));
    const response = await fetch(`${set.api.url}/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect([response.status, ((await response.json()) as Job).id]).toEqual([202, id]);
  });

  it('an upload whose answer was lost is one upload', async () => {
    const set = await trial();
    set.proxy.break('insert into "assets"', 'answer_lost', 1);
    const response = await fetch(`${set.api.url}/v1/uploads`, { method: 'POST' });
    expect(response.status).toBe(201);
    const { rows } = await set.straight.pool.query('select id from assets');
    expect(rows).toEqual([{ id: ((await response.json()) as { id: string }).id }]);
  });
});
