import { EventEmitter } from 'node:events';
import { Logger, makeWorkerUtils, run, runMigrations, type WorkerEvents } from 'graphile-worker';
import pg from 'pg';
import { runStatements } from './query.ts';

/** The yardstick, with its own defaults and without its log. */
const logger = new Logger(() => () => undefined);
const TASK = 'noop';
const PAYLOAD = { prompt: 'make it blue' };
/** Jobs of one statement that fills its table. */
const BATCH = 10_000;

export async function prepareGraphile(url: string): Promise<void> {
  const pool = openPool(url, 1);
  await runMigrations({ pgPool: pool, logger });
  await pool.end();
}

export interface Adder {
  add(): Promise<unknown>;
  close(): Promise<void>;
}

/** Its bare add_job, through a pool of `lanes` connections. */
export async function openAdder(url: string, lanes: number): Promise<Adder> {
  const pool = openPool(url, lanes);
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  return {
    add: () => utils.addJob(TASK, PAYLOAD),
    async close() {
      await utils.release();
      await pool.end();
    },
  };
}

/** The pool that it would make itself does not wait for its connections to end, and the drop of their database breaks those. */
function openPool(url: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Puts `count` jobs into its table, all of them to be run. */
export async function fillGraphile(url: string, count: number): Promise<void> {
  for (let left = count; left > 0; left -= BATCH) {
    await runStatements(
      url,
      `select count(*) from graphile_worker.add_jobs(array(
         select row('${TASK}', '${JSON.stringify(PAYLOAD)}', null, null, null, null, null, null)::graphile_worker.job_spec
         from generate_series(1, ${Math.min(BATCH, left)})))`,
    );
  }
  await runStatements(url, 'vacuum analyze graphile_worker._private_jobs');
}

export interface RunnerOptions {
  /** Jobs at once. */
  readonly concurrency: number;
  readonly events?: WorkerEvents;
  /** The task, which else does nothing. */
  readonly task?: () => void;
}

export interface Working {
  /** Resolves or rejects when it ends by itself. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Starts its workers. */
export async function runGraphile(url: string, { concurrency, events, task }: RunnerOptions): Promise<Working> {
  const pool = openPool(url, concurrency + 2);
  const runner = await run({
    pgPool: pool,
    concurrency,
    taskList: { [TASK]: async () => task?.() },
    parsedCronItems: [],
    noHandleSignals: true,
    logger,
    ...(events === undefined ? {} : { events }),
  });
  return {
    ended: runner.promise,
    async stop() {
      await runner.stop();
      await pool.end();
    },
  };
}

export async function leftOfGraphile(url: string): Promise<number> {
  const [row] = await runStatements(url, 'select count(*)::int as left from graphile_worker._private_jobs');
  return Number(row?.left);
}

/** Milliseconds of each of its next `count` get_job statements, one after the other. */
export async function timeGetJob(url: string, count: number): Promise<number[]> {
  const events = new EventEmitter() as unknown as WorkerEvents;
  const times: number[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  let start = 0;
  events.on('worker:getJob:start', () => {
    start = performance.now();
  });
  events.on('job:start', () => {
    times.push(performance.now() - start);
    if (times.length === count) resolve();
  });
  const runner = await runGraphile(url, { concurrency: 1, events });
  await Promise.race([enough, runner.ended]);
  await runner.stop();
  return times.slice(0, count);
}
