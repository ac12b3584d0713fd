import { describe, expect, it } from 'vitest';
import { createClient } from '../../packages/client/src/index.ts';
import type { JobEvent } from '../../packages/contract/src/index.ts';
import { deleteJob, recordPreview, recordProgress, requestCancel } from '../../packages/db/src/index.ts';
import { claim, eventually, finishJob, picture, startTestApi, submitOne, type TestApi } from './harness.ts';
import { openRaw } from './raw-http.ts';

interface Stream {
  readonly response: Response;
  /** The next event or comment as it was sent; undefined at the end. */
  next(): Promise<string | undefined>;
  close(): void;
}

async function follow(api: TestApi, id: string, headers: Record<string, string> = {}): Promise<Stream> {
  const controller = new AbortController();
  const response = await fetch(`${api.url}/v1/jobs/${id}/events`, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: controller.signal,
  });
  const blocks = readBlocks(response);
  return {
    response,
    next: async () => (await blocks.next()).value ?? undefined,
    close: () => controller.abort(),
  };
}

async function* readBlocks(response: Response): AsyncGenerator<string, undefined> {
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 2);
    }
  }
}

const names = (block: string | undefined): string[] => (block ?? '').split('\n').slice(0, 2);

async function startWithQueuedJob(options: Parameters<typeof startTestApi>[0] = {}) {
  const api = await startTestApi(options);
  const { id } = await submitOne(api);
  return { api, id, ids: (...seqs: number[]) => seqs.map((seq) => `${id}:${seq}`) };
}

it('events come as they happen, from the first to the terminal one, and the stream ends', async () => {
  const { api, id } = await startWithQueuedJob();
  const stream = await follow(api, id);
  expect(Object.fromEntries(stream.response.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  expect(await stream.next()).toBe('retry: 2000');
  expect(names(await stream.next())).toEqual([`id: ${id}:1`, 'event: job.queued']);
  const lease = await claim(api.database, id);
  expect(names(await stream.next())).toEqual([`id: ${id}:2`, 'event: job.started']);
  await recordProgress(api.database.db, lease, { stage: 'denoise', step: 3, total: 8 });
  const progress = (await stream.next())!;
  expect(names(progress)).toEqual([`id: ${id}:3`, 'event: job.progress']);
  expect(JSON.parse(progress.split('\ndata: ')[1]!)).toMatchObject({
    id: `${id}:3`,
    job_id: id,
    seq: 3,
    type: 'job.progress',
    data: { stage: 'denoise', step: 3, total: 8 },
  });
  await finishJob(api, lease, [await picture('#f00')]);
  expect(names(await stream.next())).toEqual([`id: ${id}:4`, 'event: job.succeeded']);
  expect(await stream.next()).toBeUndefined();
  expect(api.api.stats().waiting).toBe(0);
});

it('a reader that lost its connection continues after the last event it saw, without a gap or a repetition', async () => {
  const { api, id } = await startWithQueuedJob();
  const first = await follow(api, id);
  await first.next();
  expect(names(await first.next())[0]).toBe(`id: ${id}:1`);
  first.close();
  await eventually(() => api.api.stats().waiting === 0);
  const lease = await claim(api.database, id);
  await recordProgress(api.database.db, lease, { stage: 'encode', step: 0, total: 1 });
  const second = await follow(api, id, { 'last-event-id': `${id}:1` });
  await second.next();
  expect(names(await second.next())[0]).toBe(`id: ${id}:2`);
  expect(names(await second.next())[0]).toBe(`id: ${id}:3`);
  second.close();
});

it('our client reads all events of a job', async () => {
  const { api, id } = await startWithQueuedJob();
  const seen: JobEvent[] = [];
  const reading = (async () => {
    for await (const event of createClient({ baseUrl: api.url }).events(id)) seen.push(event);
  })();
  const lease = await claim(api.database, id);
  for (let step = 0; step <= 250; step++)
    await recordProgress(api.database.db, lease, { stage: 'denoise', step, total: 250 });
  await finishJob(api, lease, [await picture('#f00')]);
  await reading;
  expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: 254 }, (_, n) => n + 1));
});

describe('Last-Event-ID', () => {
  it.each(['job_0:1', 'x', '1', ':', 'job_00000000000000000000000000000000:1'])(
    'of another job (%s) is refused',
    async (last) => {
      const { api, id } = await startWithQueuedJob();
      const { response } = await follow(api, id, { 'last-event-id': last });
      expect(await response.json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
    },
  );

  it('from the future waits until that is past', async () => {
    const { api, id } = await startWithQueuedJob({ limits: { heartbeatMs: 100 } });
    const stream = await follow(api, id, { 'last-event-id': `${id}:3` });
    await stream.next();
    expect(await stream.next()).toBe(': heartbeat');
    const lease = await claim(api.database, id);
    await recordProgress(api.database.db, lease, { stage: 'encode', step: 0, total: 1 });
    await recordProgress(api.database.db, lease, { stage: 'encode', step: 1, total: 1 });
    let next = await stream.next();
    while (next?.startsWith(':')) next = await stream.next();
    expect(names(next)[0]).toBe(`id: ${id}:4`);
    stream.close();
  });

  it('of the end of a final job tells a browser not to come again', async () => {
    const { api, id } = await startWithQueuedJob();
    await requestCancel(api.database.db, { owner: 'local', id });
    for (const seq of [2, 99])
      expect((await follow(api, id, { 'last-event-id': `${id}:${seq}` })).response.status).toBe(204);
    const stream = await follow(api, id, { 'last-event-id': `${id}:1` });
    await stream.next();
    expect(names(await stream.next())[1]).toBe('event: job.canceled');
    expect(await stream.next()).toBeUndefined();
  });
});

it('events can be read as JSON, page by page', async () => {
  const { api, id, ids } = await startWithQueuedJob();
  const lease = await claim(api.database, id);
  await recordProgress(api.database.db, lease, { stage: 'encode', step: 0, total: 1 });
  const read = async (query: string) => {
    const response = await fetch(`${api.url}/v1/jobs/${id}/events${query}`);
    return ((await response.json()) as { data: JobEvent[] }).data.map((event) => event.id);
  };
  expect(await read('')).toEqual(ids(1, 2, 3));
  expect(await read('?after=1')).toEqual(ids(2, 3));
  expect(await read('?after=1&limit=1')).toEqual(ids(2));
  expect(await read('?after=9')).toEqual([]);
  for (const query of ['?after=-1', '?after=x', '?limit=0', '?limit=1001', '?seq=1'])
    expect((await fetch(`${api.url}/v1/jobs/${id}/events${query}`)).status, query).toBe(400);
});

it('a silent job is accompanied by heartbeats', async () => {
  const { api, id } = await startWithQueuedJob({ limits: { heartbeatMs: 50 } });
  const stream = await follow(api, id);
  await stream.next();
  await stream.next();
  for (let n = 0; n < 3; n++) expect(await stream.next()).toBe(': heartbeat');
  stream.close();
});

it('the stream of a job that is deleted ends', async () => {
  const { api, id } = await startWithQueuedJob();
  const stream = await follow(api, id, { 'last-event-id': `${id}:5` });
  await stream.next();
  await requestCancel(api.database.db, { owner: 'local', id });
  await deleteJob(api.database, { owner: 'local', id });
  expect(await stream.next()).toBeUndefined();
});

it('a reader that goes away frees everything', async () => {
  const { api, id } = await startWithQueuedJob();
  const streams = await Promise.all(Array.from({ length: 20 }, () => follow(api, id)));
  for (const stream of streams) await stream.next();
  await eventually(() => api.api.stats().waiting === 20);
  for (const stream of streams) stream.close();
  await eventually(() => api.api.stats().streams === 0);
  expect(api.api.stats().waiting).toBe(0);
});

it('a reader that takes nothing costs no memory, and is cut off', async () => {
  const { api, id } = await startWithQueuedJob({ limits: { stallMs: 300, heartbeatMs: 100 } });
  const lease = await claim(api.database, id);
  const data_url = `data:image/webp;base64,${'A'.repeat(200_000)}`;
  for (let step = 1; step <= 200; step++)
    await recordPreview(api.database.db, lease, { step, total: 200, width: 1, height: 1, data_url });
  const before = process.memoryUsage().external + process.memoryUsage().heapUsed;
  const reader = openRaw(
    api.port,
    `GET /v1/jobs/${id}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`,
  );
  reader.socket.pause();
  await eventually(() => api.api.stats().streams === 1);
  await eventually(() => api.api.stats().streams === 0);
  // Of 40 MB only a window has left the database.
  const during = process.memoryUsage().external + process.memoryUsage().heapUsed;
  expect(during - before).toBeLessThan(60_000_000);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  reader.socket.once('close', () => resolve());
  reader.socket.resume();
  await closed;
  expect(reader.received()).not.toContain(`id: ${id}:202`);
});

it('a thousand readers of one job cost the database one query a round', async () => {
  const { api, id } = await startWithQueuedJob({ limits: { waitPollMs: 100, heartbeatMs: 600_000 } });
  const streams: Stream[] = [];
  for (let n = 0; n < 1000; n += 50)
    streams.push(
      ...(await Promise.all(Array.from({ length: 50 }, () => follow(api, id, { 'last-event-id': `${id}:1` })))),
    );
  await Promise.all(streams.map((stream) => stream.next()));
  await eventually(() => api.api.stats().waiting === 1000);

  const { pool } = api.database;
  const query = pool.query.bind(pool) as (...all: unknown[]) => unknown;
  let queries = 0;
  pool.query = ((...all: unknown[]) => {
    queries++;
    return query(...all);
  }) as typeof pool.query;
  await requestCancel(api.database.db, { owner: 'local', id });
  const last = await Promise.all(streams.map((stream) => stream.next()));
  pool.query = query as typeof pool.query;
  expect(new Set(last.map((block) => names(block)[1]))).toEqual(new Set(['event: job.canceled']));
  // Cancelling is one; the rest are rounds, and the reading of what is new.
  expect(queries).toBeLessThan(12);
  await eventually(() => api.api.stats().waiting === 0);
});
