import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runWorkers, type Slot, WORKER_DEFAULTS } from '../../apps/worker/src/index.ts';
import { createDatabase, createQueueTable, QUEUE_CHANNEL } from '../../packages/db/src/index.ts';
import { createPostgresQueue } from '../../packages/queue/src/index.ts';
import { createStore, type ObjectStore } from '../../packages/storage/src/index.ts';
import { createLogger, createMetrics } from '../../packages/telemetry/src/index.ts';
import { createEngines, resultWith } from '../worker/engine-double.ts';
import { addPicture, fillOurs, leftOfOurs } from './fill.ts';
import { fillGraphile, leftOfGraphile, runGraphile } from './graphile.ts';
import { createMemoryStore } from './memory-store.ts';
import type { Pair } from './server.ts';
import { MEDIAN, percentile } from './statistics.ts';

export interface RunBenchOptions {
  readonly jobs: number;
  /** Jobs at once. */
  readonly lanes: number;
  /** Alternating, so that whatever else the machine does falls on all alike. */
  readonly rounds: number;
  readonly picture: Uint8Array;
  readonly folder: string;
  readonly signal: AbortSignal;
}

export interface RunRates {
  /** Jobs in a second. */
  readonly ours: number;
  /** The same with pictures that are kept in memory: what the jobs themselves take. */
  readonly withoutFiles: number;
  readonly theirs: number;
}

const WARM_UP = 200;
const LOOK_MS = 10;
/** What takes longer is measured by what was done until then. */
const LONGEST_MS = 60_000;

/** How many jobs a second are run that were waiting: by ours, with an engine that answers at once, and by graphile-worker. */
export async function timeRuns(
  withPair: <T>(work: (pair: Pair) => Promise<T>) => Promise<T>,
  options: RunBenchOptions,
): Promise<RunRates> {
  const files = createStore(`file:${join(options.folder, 'run-objects')}`);
  const all: RunRates[] = [];
  try {
    for (let round = 0; round < options.rounds; round++) {
      all.push({
        theirs: await withPair(({ theirs }) => timeTheirs(theirs, options)),
        ours: await withPair(({ ours }) => timeOurs(ours, files, options)),
        withoutFiles: await withPair(({ ours }) => timeOurs(ours, createMemoryStore(), options)),
      });
    }
  } finally {
    await files.close();
  }
  return {
    theirs: percentile(
      all.map((each) => each.theirs),
      MEDIAN,
    ),
    ours: percentile(
      all.map((each) => each.ours),
      MEDIAN,
    ),
    withoutFiles: percentile(
      all.map((each) => each.withoutFiles),
      MEDIAN,
    ),
  };
}

async function timeTheirs(url: string, options: RunBenchOptions): Promise<number> {
  await fillGraphile(url, options.jobs);
  const progress = createProgress(options);
  const runner = await runGraphile(url, { concurrency: options.lanes, task: progress.one });
  try {
    return await progress.rate(() => leftOfGraphile(url));
  } finally {
    await runner.stop();
  }
}

async function timeOurs(url: string, store: ObjectStore, options: RunBenchOptions): Promise<number> {
  const { jobs, lanes, picture } = options;
  const log = createLogger({ level: 'info', role: 'bench', write: () => undefined });
  const database = createDatabase({ url, max: lanes + 2 });
  const table = createQueueTable(database.db);
  const queue = createPostgresQueue({
    table,
    connect: () => database.openDirect('qwen-edit queue'),
    channel: QUEUE_CHANNEL,
    hideMs: 30_000,
    log,
  });
  try {
    await fillOurs(url, await addPicture(database, picture, store), jobs);
    const answer = resultWith('');
    const outputs = answer.outputs.map((output) => ({ ...output, bytes: picture }));
    const progress = createProgress(options);
    const { openEngine } = createEngines(async () => {
      progress.one();
      return { ...answer, outputs };
    });
    const deps = { database, store, queue, openEngine, log, metrics: createMetrics(), options: WORKER_DEFAULTS };
    const slots = Array.from({ length: lanes }, (): Slot => ({ device: 'cpu', gpuId: null }));
    const stopping = new AbortController();
    const running = runWorkers(deps, slots, stopping.signal);
    try {
      return await progress.rate(() => leftOfOurs(url));
    } finally {
      stopping.abort();
      await running;
    }
  } finally {
    await queue.close();
    await database.close();
  }
}

/**
 * Measures from the first `WARM_UP` jobs until none is left. The database is asked only after all were begun, so as not to be
 * slowed by that.
 */
function createProgress({ jobs, signal }: RunBenchOptions) {
  const begun = Promise.withResolvers<void>();
  let begin = performance.now();
  let count = 0;
  return {
    one() {
      count++;
      if (count === WARM_UP) begin = performance.now();
      if (count === jobs) begun.resolve();
    },
    async rate(countLeft: () => Promise<number>): Promise<number> {
      const tooLong = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_MS)]);
      await Promise.race([begun.promise, once(tooLong, 'abort')]);
      for (;;) {
        signal.throwIfAborted();
        const left = await countLeft();
        if (left === 0 || tooLong.aborted) return ((jobs - WARM_UP - left) / (performance.now() - begin)) * 1000;
        await sleep(LOOK_MS);
      }
    },
  };
}
