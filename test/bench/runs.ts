import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runWorkers, type Slot, WORKER_DEFAULTS } from '../../apps/worker/src/index.ts';
import { createDatabase, createQueueTable, QUEUE_CHANNEL } from '../../packages/db/src/index.ts';
import { createPostgresQueue } from '../../packages/queue/src/index.ts';
import { createStore } from '../../packages/storage/src/index.ts';
import { createLogger, createMetrics } from '../../packages/telemetry/src/index.ts';
import { createEngines, resultWith } from '../worker/engine-double.ts';
import { addPicture, fillOurs, leftOfOurs } from './fill.ts';
import { fillGraphile, leftOfGraphile, runGraphile } from './graphile.ts';
import type { Pair } from './server.ts';

export interface RunOptions {
  readonly jobs: number;
  /** Jobs at once. */
  readonly lanes: number;
  readonly picture: Uint8Array;
  readonly folder: string;
  readonly signal: AbortSignal;
}

export interface RunRates {
  /** Jobs in a second. */
  readonly ours: number;
  readonly theirs: number;
}

const LOOK_MS = 50;
/** What takes longer is measured by what was done until then. */
const LONGEST_MS = 60_000;

/** How many jobs a second are run that were waiting: by ours, with an engine that answers at once, and by graphile-worker. */
export async function timeRuns({ ours, theirs }: Pair, options: RunOptions): Promise<RunRates> {
  return { ours: await timeOurs(ours, options), theirs: await timeTheirs(theirs, options) };
}

export async function timeTheirs(url: string, { jobs, lanes, signal }: RunOptions): Promise<number> {
  await fillGraphile(url, jobs);
  const begin = performance.now();
  const runner = await runGraphile(url, lanes);
  try {
    return await rateOf(() => leftOfGraphile(url), { jobs, begin, signal });
  } finally {
    await runner.stop();
  }
}

export async function timeOurs(url: string, { jobs, lanes, picture, folder, signal }: RunOptions): Promise<number> {
  const log = createLogger({ level: 'info', role: 'bench', write: () => undefined });
  const database = createDatabase({ url, max: lanes + 2 });
  const store = createStore(`file:${join(folder, 'run-objects')}`);
  const queue = createPostgresQueue({
    table: createQueueTable(database.db),
    url,
    channel: QUEUE_CHANNEL,
    hideMs: 30_000,
    log,
  });
  const answer = resultWith('');
  const outputs = answer.outputs.map((output) => ({ ...output, bytes: picture }));
  const { openEngine } = createEngines(async () => ({ ...answer, outputs }));
  const slots = Array.from({ length: lanes }, (): Slot => ({ device: 'cpu', gpuId: null }));
  const stopping = new AbortController();
  try {
    await fillOurs(url, await addPicture(database, picture, store), jobs);
    const begin = performance.now();
    const deps = { database, store, queue, openEngine, log, metrics: createMetrics(), options: WORKER_DEFAULTS };
    const running = runWorkers(deps, slots, stopping.signal);
    try {
      return await rateOf(() => leftOfOurs(url), { jobs, begin, signal });
    } finally {
      stopping.abort();
      await running;
    }
  } finally {
    await queue.close();
    await store.close();
    await database.close();
  }
}

/** Waits until no job is left, and says how many were done in a second. */
async function rateOf(
  countLeft: () => Promise<number>,
  { jobs, begin, signal }: { readonly jobs: number; readonly begin: number; readonly signal: AbortSignal },
): Promise<number> {
  for (;;) {
    const left = await countLeft();
    const ms = performance.now() - begin;
    if (left === 0 || ms > LONGEST_MS) return ((jobs - left) / ms) * 1000;
    await sleep(LOOK_MS, undefined, { signal });
  }
}
