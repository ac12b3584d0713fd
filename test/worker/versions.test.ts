import { expect, it, onTestFinished } from 'vitest';
import { CONTRACT_VERSION } from '../../packages/contract/src/index.ts';
import { createQueueTable, QUEUE_CHANNEL } from '../../packages/db/src/index.ts';
import { createPostgresQueue, type JobMessage, type JobQueue } from '../../packages/queue/src/index.ts';
import { eventTypes, rawJob } from '../db/jobs.ts';
import { until } from '../support/until.ts';
import { createEngines, resultWith } from './engine-double.ts';
import { createTestSetup, PROMPT, startWorkers, submitEdit, type TestSetup, untilStatus } from './harness.ts';

const NEWER = CONTRACT_VERSION + 1;

const engines = (text: string) => createEngines(async () => resultWith(text));

/** The same database as a queue, for workers of this contract version. */
function queueFor(setup: TestSetup, contractVersion: number): TestSetup {
  const { workerDatabase, log } = setup;
  const table = createQueueTable(workerDatabase.db, contractVersion);
  const queue = createPostgresQueue({
    table,
    connect: () => workerDatabase.openDirect('qwen-edit queue'),
    ...{ channel: QUEUE_CHANNEL, hideMs: 500, pollMs: 200, log },
  });
  onTestFinished(() => queue.close());
  return { ...setup, queue };
}

/** As an API of a later version writes it for what only later workers understand. */
async function submitForNewer(setup: TestSetup): Promise<string> {
  const id = await submitEdit(setup);
  await setup.database.pool.query('update jobs set needs_version = $2 where id = $1', [id, NEWER]);
  return id;
}

it('a worker leaves a job that needs a later version to newer workers: no attempt is spent, and it says so', async () => {
  const setup = await createTestSetup();
  const id = await submitForNewer(setup);
  const older = engines('older');
  startWorkers(setup, older, { receiveWaitMs: 100 });
  const plain = await submitEdit(setup);
  await untilStatus(setup, plain, 'succeeded');
  await until(async () => {
    const { rows } = await setup.database.pool.query<{ last_error: string | null }>('select last_error from workers');
    return rows[0]?.last_error?.includes('for a worker of a later version') === true;
  });
  expect(setup.lines.filter((line) => line.includes('jobs wait for newer workers'))).toHaveLength(1);
  const { visible_at, created_at, ...row } = (await rawJob(setup.database, id))!;
  expect(row).toMatchObject({ status: 'queued', attempt: 0, failures: 0, event_seq: 1 });
  // It was never hidden from those who understand it.
  expect(visible_at).toEqual(created_at);

  const newer = engines('newer');
  startWorkers(queueFor(setup, NEWER), newer, { contractVersion: NEWER });
  expect((await untilStatus(setup, id, 'succeeded')).job).toMatchObject({ attempt: 1, failures: 0 });
  expect([older.seen.edits, newer.seen.edits]).toEqual([1, 1]);
  await until(async () => {
    const { rows } = await setup.database.pool.query('select from workers where last_error is null');
    return rows.length === 2;
  });
});

it('a message of such a job is neither deleted nor held: it is hidden for longer each time, and a newer worker runs it', async () => {
  const setup = await createTestSetup();
  const id = await submitForNewer(setup);
  const place = createMessages();
  place.put({ jobId: id, receiveCount: 1, receipt: 'first' });
  place.put({ jobId: id, receiveCount: 4, receipt: 'second' });
  const older = startWorkers({ ...setup, queue: place.queue }, engines('older'));
  await until(() => place.settled.length === 2);
  expect(place.settled.map(({ how }) => how)).toEqual(['release', 'release']);
  const [first, second] = place.settled.map(({ ms }) => ms ?? 0);
  expect(first).toBeGreaterThanOrEqual(1000);
  expect(second).toBeGreaterThan(2 * first!);
  expect(await rawJob(setup.database, id)).toMatchObject({ status: 'queued', attempt: 0, failures: 0 });
  await older.stop();

  startWorkers({ ...setup, queue: place.queue }, engines('newer'), { contractVersion: NEWER });
  place.put({ jobId: id, receiveCount: 5, receipt: 'third' });
  await untilStatus(setup, id, 'succeeded');
  await until(() => place.settled.length === 3);
  expect(place.settled[2]).toMatchObject({ how: 'ack', receipt: 'third' });
});

it('a job that says what this version does not know is left to later ones, and is no failure', async () => {
  const setup = await createTestSetup();
  const odd = [{ moon: 'near' }, { output_format: 'hologram' }, { num_inference_steps: 100_000 }, { seed: { n: 1 } }];
  const ids: string[] = [];
  for (const what of odd) ids.push(await submitEdit(setup, { parameters: { prompt: PROMPT, ...what } }));
  const { seen, ...engine } = engines('edited');
  startWorkers(setup, engine);
  const plain = await submitEdit(setup);
  await untilStatus(setup, plain, 'succeeded');
  for (const id of ids) {
    // Once, not again and again: after that this version sees it no more.
    await until(async () => (await rawJob(setup.database, id))?.needs_version === NEWER);
    expect(await rawJob(setup.database, id)).toMatchObject({ status: 'queued', attempt: 1, failures: 0, error: null });
    expect(await eventTypes(setup.database, id)).toEqual(['job.queued', 'job.started', 'job.released']);
  }
  expect(seen.edits).toBe(1);
});

/** Messages as a queue outside the database delivers them. */
function createMessages() {
  const waiting: JobMessage[] = [];
  const settled: { readonly how: 'ack' | 'release'; readonly receipt: string; readonly ms?: number }[] = [];
  let wake = (): void => undefined;
  const queue: JobQueue = {
    kind: 'sqs',
    relayed: true,
    send: async (batch) => batch.map(() => true),
    async receive({ signal }) {
      signal.addEventListener('abort', () => wake(), { once: true });
      while (waiting.length === 0 && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve));
      return signal.aborted ? [] : waiting.splice(0, 1);
    },
    extend: async () => undefined,
    ack: async ({ receipt }) => void settled.push({ how: 'ack', receipt }),
    release: async ({ receipt }, ms) => void settled.push({ how: 'release', receipt, ms }),
    depth: async () => waiting.length,
    check: async () => undefined,
    close: async () => undefined,
  };
  const put = (message: JobMessage): void => {
    waiting.push(message);
    wake();
  };
  return { queue, settled, put };
}
