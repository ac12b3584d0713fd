import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import {
  runWorkers,
  type Slot,
  WORKER_DEFAULTS,
  type WorkerDeps,
  type WorkerOptions,
} from '../../apps/worker/src/index.ts';
import {
  addInput,
  createDatabase,
  createQueueTable,
  type Database,
  type JobRecord,
  type NewJob,
  newId,
  QUEUE_CHANNEL,
  readJob,
  submitJob,
} from '../../packages/db/src/index.ts';
import { createPostgresQueue, type JobQueue } from '../../packages/queue/src/index.ts';
import { createStore, type ObjectStore, STORED_KINDS } from '../../packages/storage/src/index.ts';
import { createLogger, createMetrics, type Logger, type Metrics } from '../../packages/telemetry/src/index.ts';
import { freshUrl } from '../db/harness.ts';
import { findTableViolations } from '../db/invariants.ts';
import { newJob, PLAIN } from '../db/jobs.ts';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';

export const PROMPT = 'a prompt that no log may show';
const SLOT: Slot = { device: 'cpu', gpuId: null };

/** Options for tests: what takes seconds in a service takes tens of milliseconds here. */
const FAST_WORKER: WorkerOptions = {
  ...WORKER_DEFAULTS,
  // A machine that stalls for seconds loses no lease, unless a test wants it to.
  leaseMs: 30_000,
  heartbeatMs: 1000,
  cancelPollMs: 50,
  graceMs: 200,
  releaseMs: 1000,
  retryFirstMs: 20,
  retryMaxMs: 100,
  backoffFirstMs: 20,
  backoffMaxMs: 200,
  answerMs: 2000,
  checkFreshMs: 100,
  refusedMs: 50,
  resultWaitMs: 3000,
  workerReportMs: 100,
  receiveWaitMs: 5000,
  wakeMs: 50,
};

/** The database, storage and queue of one test, and what the test needs to look into them. */
export interface TestSetup {
  readonly url: string;
  /** The test's own connections, straight to the server. */
  readonly database: Database;
  /** Lies between the workers and the server. */
  readonly proxy: CuttingProxy;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly lines: string[];
  /** The workers' connections, through the proxy. */
  readonly workerDatabase: Database;
}

/** `hideMs`: how long a message that was received stays hidden if nobody extends that. */
export async function createTestSetup({ hideMs = 500 } = {}): Promise<TestSetup> {
  const url = await freshUrl();
  const proxy = await startCuttingProxy(url);
  const database = createDatabase({ url });
  const workerDatabase = createDatabase({ url: proxy.url, connectTimeoutMs: 1000 });
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-worker-'));
  const store = createStore(`file:${folder}`);
  const lines: string[] = [];
  const log = createLogger({ level: 'debug', role: 'test', write: (line) => lines.push(line) });
  const queue = createPostgresQueue({
    table: createQueueTable(workerDatabase.db),
    connect: () => workerDatabase.openDirect('qwen-edit queue'),
    channel: QUEUE_CHANNEL,
    hideMs,
    pollMs: 200,
    log,
  });
  onTestFinished(async () => {
    await queue.close();
    await workerDatabase.close();
    await database.close();
    await proxy.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
    expect(lines.filter((line) => line.includes(PROMPT))).toEqual([]);
  });
  return { url, database, workerDatabase, proxy, store, queue, log, lines, metrics: createMetrics() };
}

export type RunningWorkers = { readonly stop: () => Promise<void>; readonly done: Promise<void> };

/** Starts workers; they are stopped when the test is over. */
export function startWorkers(
  setup: TestSetup,
  {
    openEngine,
    fetchModel,
    configuredModel,
    offerNow,
  }: Pick<WorkerDeps, 'openEngine' | 'fetchModel' | 'configuredModel' | 'offerNow'>,
  options: Partial<WorkerOptions> = {},
  slots: readonly Slot[] = [SLOT],
): RunningWorkers {
  const { workerDatabase, store, queue, log, metrics } = setup;
  const stopping = new AbortController();
  const deps = {
    database: workerDatabase,
    store,
    queue,
    log,
    metrics,
    openEngine,
    fetchModel,
    configuredModel,
    offerNow,
    options: { ...FAST_WORKER, ...options },
  };
  const done = runWorkers(deps, slots, stopping.signal);
  const stop = (): Promise<void> => {
    stopping.abort();
    return done;
  };
  onTestFinished(stop);
  return { stop, done };
}

/** Stores a picture and submits a job that edits it. */
export async function submitEdit(setup: TestSetup, changes: Partial<NewJob> = {}): Promise<string> {
  const inputs = changes.inputs ?? [await storePicture(setup, changes.owner)];
  const job = newJob({ parameters: { prompt: PROMPT }, ...changes, inputs });
  expect(await submitJob(setup.database, job, PLAIN)).toEqual({ createdAt: expect.any(Date) });
  return job.id;
}

export async function storePicture(
  { database, store }: Pick<TestSetup, 'database' | 'store'>,
  owner = 'ann',
): Promise<string> {
  const id = newId('asset');
  const bytes = new TextEncoder().encode(`picture ${id}`);
  const key = STORED_KINDS.input.keyOf({ assetId: id });
  await store.put(key, bytes, { mediaType: 'image/png' });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const facts = { sha256, bytes: bytes.length, mediaType: 'image/png', width: 8, height: 8 };
  await addInput(database.db, { id, owner, key, ...facts });
  return id;
}

export async function jobOf({ database }: TestSetup, id: string): Promise<JobRecord> {
  const record = await readJob(database.db, { id });
  if (record === undefined) throw new Error(`no job ${id}`);
  return record;
}

/** Waits until the job has this status, and returns it. */
export async function untilStatus(setup: TestSetup, id: string, status: string): Promise<JobRecord> {
  return vi.waitFor(
    async () => {
      const record = await jobOf(setup, id);
      expect(record.job.status).toBe(status);
      return record;
    },
    { timeout: 120_000, interval: 20 },
  );
}

/** Keys of all objects under a prefix. */
export async function keysOf({ store }: Pick<TestSetup, 'store'>, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** Checks that the tables are consistent, and that each result in storage has its row and each row its result. */
export async function expectConsistent(setup: TestSetup): Promise<void> {
  expect(await findTableViolations(setup.database.pool)).toEqual([]);
  const { rows } = await setup.database.pool.query<{ key: string }>(`select key from assets where kind = 'output'`);
  expect(await keysOf(setup, STORED_KINDS.output.prefix)).toEqual(rows.map(({ key }) => key).sort());
}
