import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { JobMessage, JobQueue } from '@qwen-edit/queue';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type OpenedQueue, type Place, type QueueDriver, VISIBILITY_MS } from './drivers.ts';

const never = new AbortController().signal;
/** Longer than any test may take: a wait that ends at all was ended by something else than its own time. */
const FOREVER_MS = 600_000;
/** How far the clocks of two programs may be apart. */
const CLOCKS_MS = 100;
const WAITING = fileURLToPath(new URL('waiting.ts', import.meta.url));

const receive = (queue: JobQueue, max = 1, waitMs = 10_000): Promise<readonly JobMessage[]> =>
  queue.receive({ max, waitMs, signal: never });

async function receiveOne(queue: JobQueue): Promise<JobMessage> {
  const messages = await receive(queue);
  expect(messages).toHaveLength(1);
  return messages[0]!;
}

/** All that comes until for a second nothing comes. */
async function drain(queue: JobQueue): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const messages = await receive(queue, 10, 1000);
    if (messages.length === 0) return ids;
    ids.push(...messages.map(({ jobId }) => jobId));
  }
}

const idsOf = (messages: readonly { readonly jobId: string }[]): string[] => messages.map(({ jobId }) => jobId).sort();

async function timed<T>(work: Promise<T>): Promise<{ result: T; ms: number }> {
  const start = performance.now();
  return { result: await work, ms: performance.now() - start };
}

/** Everything that is promised of a queue, over one driver. */
export function jobQueueTests({ kind, start }: QueueDriver): void {
  let opened: OpenedQueue;
  let place: Place;
  let queue: JobQueue;
  beforeAll(async () => {
    opened = await start();
  }, 180_000);
  afterAll(() => opened?.close());
  beforeEach(async () => {
    place = await opened.place();
    queue = place.open();
  });

  /** One message, sent and received. */
  async function held(user = queue): Promise<JobMessage> {
    await user.send(await place.messages(1));
    return receiveOne(user);
  }

  it('says which kind it is, and whether its messages need a relay', async () => {
    expect(queue).toMatchObject({ kind, relayed: kind === 'sqs' });
    await queue.check();
  });

  it('what was sent is received, and by nobody else while it is hidden', async () => {
    const sent = await place.messages(3);
    expect(await queue.send(sent)).toEqual([true, true, true]);
    expect((await drain(place.open(30_000))).sort()).toEqual(idsOf(sent));
    expect(await receive(place.open(), 10, 0)).toEqual([]);
  });

  it('a waiting receiver is woken by a message', async () => {
    const sent = await place.messages(1);
    const receiver = place.open();
    const waiting = receive(receiver, 1, FOREVER_MS);
    expect(await receive(receiver, 1, 0)).toEqual([]);
    const [received] = await Promise.all([waiting, queue.send(sent)]);
    expect(idsOf(received)).toEqual(idsOf(sent));
  });

  it('a message that nobody acknowledges comes again when its visibility is over', async () => {
    const { result, ms } = await timed(held().then(async (first) => [first, await receiveOne(queue)] as const));
    const [first, second] = result;
    expect(second.jobId).toBe(first.jobId);
    expect([first.receiveCount, second.receiveCount]).toEqual([1, kind === 'sqs' ? 2 : 1]);
    expect(ms).toBeGreaterThan(VISIBILITY_MS - CLOCKS_MS);
  });

  it('a message that is extended stays hidden', async () => {
    const message = await held();
    await queue.extend(message, 60_000);
    expect(await receive(queue, 1, VISIBILITY_MS + 1000)).toEqual([]);
    await queue.release(message, 0);
    expect((await receiveOne(queue)).jobId).toBe(message.jobId);
  });

  it('a message that was acknowledged never comes again, also after it was extended', async () => {
    const [first, second] = [await held(), await held()];
    await queue.ack(first);
    await queue.extend(second, 1000);
    await queue.ack(second);
    expect(await receive(queue, 10, VISIBILITY_MS + 1000)).toEqual([]);
    for (const done of [first, second]) {
      await queue.ack(done);
      await queue.extend(done, 1000);
      await queue.release(done, 0);
    }
  });

  it('a message that is released is there at once, for a receiver elsewhere too', async () => {
    const message = await held(place.open(60_000));
    const waiting = receive(place.open(), 1, FOREVER_MS);
    const [received] = await Promise.all([waiting, queue.release(message, 0)]);
    expect(idsOf(received)).toEqual([message.jobId]);
  });

  it('a message that is released with a delay comes when that is over, and wakes who waits', async () => {
    const message = await held(place.open(60_000));
    const waiting = receive(place.open(), 1, FOREVER_MS);
    const { result, ms } = await timed(Promise.all([waiting, queue.release(message, 2000)]));
    expect(idsOf(result[0])).toEqual([message.jobId]);
    expect(ms).toBeGreaterThan(2000 - CLOCKS_MS);
  });

  it('25 messages sent at once are each received once', async () => {
    const sent = await place.messages(25);
    expect(await queue.send(sent)).toEqual(sent.map(() => true));
    const receiver = place.open(30_000);
    const first = await receive(receiver, 25);
    expect([...idsOf(first), ...(await drain(receiver))].sort()).toEqual(idsOf(sent));
  });

  it('receivers in several processes get messages of their own', async () => {
    const sent = await place.messages(30);
    const users = [place.open(30_000), place.open(30_000), place.open(30_000)];
    const takeTen = async (user: JobQueue): Promise<string[]> => {
      const ids: string[] = [];
      while (ids.length < 10) ids.push(...idsOf(await receive(user, 1)));
      return ids;
    };
    const taken = Promise.all(users.map(takeTen));
    await queue.send(sent);
    expect((await taken).flat().sort()).toEqual(idsOf(sent));
  });

  it('receivers of one process get messages of their own', async () => {
    const sent = await place.messages(6);
    const receiver = place.open(30_000);
    const waiting = Promise.all(sent.map(() => receive(receiver, 1)));
    await queue.send(sent);
    expect(idsOf((await waiting).flat())).toEqual(idsOf(sent));
  });

  it('a wait without messages ends in time', async () => {
    const { result, ms } = await timed(receive(queue, 1, 1000));
    expect(result).toEqual([]);
    expect(ms).toBeGreaterThan(1000 - CLOCKS_MS);
  });

  it('an abort ends a wait at once', async () => {
    const controller = new AbortController();
    const waiting = queue.receive({ max: 1, waitMs: FOREVER_MS, signal: controller.signal });
    expect(await receive(queue, 1, 0)).toEqual([]);
    controller.abort();
    expect(await waiting).toEqual([]);
    expect(await queue.receive({ max: 1, waitMs: FOREVER_MS, signal: controller.signal })).toEqual([]);
    await expect(queue.send(await place.messages(1), controller.signal)).rejects.toMatchObject({ code: 'canceled' });
  });

  it('closing ends waits, and later ones are refused', async () => {
    const waiting = receive(queue, 1, FOREVER_MS);
    expect(await receive(queue, 1, 0)).toEqual([]);
    await queue.close();
    expect(await waiting).toEqual([]);
    await expect(receive(queue, 1, 0)).rejects.toMatchObject({ code: 'queue_unavailable' });
    await queue.close();
  });

  it('a process that closes it can end', async () => {
    const sent = await place.messages(1);
    await queue.send(sent);
    const { stdout } = await promisify(execFile)(process.execPath, [WAITING, ...place.address]);
    expect(JSON.parse(stdout)).toEqual({ jobId: sent[0]?.jobId, left: 0 });
  });

  it('tells how many messages wait, where messages can be lost', async () => {
    const user = place.open(60_000);
    await user.send(await place.messages(3));
    await receiveOne(user);
    expect(await user.depth()).toBe(kind === 'sqs' ? 2 : undefined);
  });

  it('one that is not there says so in every call', async () => {
    const lost = opened.lost();
    const gone = { name: 'AppError', code: 'queue_unavailable', hint: expect.stringMatching(/QUEUE_URL|DATABASE_URL/) };
    const message = { jobId: 'job_1', receiveCount: 1, receipt: '1 handle' };
    await expect(lost.check()).rejects.toMatchObject(gone);
    await expect(receive(lost, 1, 1000)).rejects.toMatchObject(gone);
    await expect(lost.send([{ jobId: 'job_1', owner: 'an owner' }])).rejects.toMatchObject(gone);
    await expect(lost.ack(message)).rejects.toMatchObject(gone);
    await expect(lost.release(message, 0)).rejects.toMatchObject(gone);
  });
}
