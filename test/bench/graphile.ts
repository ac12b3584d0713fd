import { EventEmitter } from 'node:events';
import { Logger, makeWorkerUtils, type Runner, run, runMigrations, type WorkerEvents } from 'graphile-worker';
import { query } from './query.ts';

/** The yardstick, with its own defaults and without its log. */
const logger = new Logger(() => () => undefined);
const TASK = 'noop';
const PAYLOAD = { prompt: 'make it blue' };
/** Jobs of one statement that fills its table. */
const BATCH = 10_000;

export async function prepareGraphile(url: string): Promise<void> {
  await runMigrations({ connectionString: url, logger });
}

export interface Adder {
  add(): Promise<unknown>;
  close(): Promise<void>;
}

/** Its bare add_job, through a pool of `lanes` connections. */
export async function openAdder(url: string, lanes: number): Promise<Adder> {
  const utils = await makeWorkerUtils({ connectionString: url, maxPoolSize: lanes, logger });
  return { add: () => utils.addJob(TASK, PAYLOAD), close: async () => utils.release() };
}

/** Puts `count` jobs into its table, all of them to be run. */
export async function fillGraphile(url: string, count: number): Promise<void> {
  for (let left = count; left > 0; left -= BATCH) {
    await query(
      url,
      `select count(*) from graphile_worker.add_jobs(array(
         select row('${TASK}', '${JSON.stringify(PAYLOAD)}', null, null, null, null, null, null)::graphile_worker.job_spec
         from generate_series(1, ${Math.min(BATCH, left)})))`,
    );
  }
  await query(url, 'vacuum analyze graphile_worker._private_jobs');
}

/** Starts its workers, `concurrency` jobs at once, on a task that does nothing. */
export function runGraphile(url: string, concurrency: number, events = newEvents()): Promise<Runner> {
  return run({
    connectionString: url,
    concurrency,
    maxPoolSize: concurrency + 2,
    taskList: { [TASK]: async () => undefined },
    parsedCronItems: [],
    noHandleSignals: true,
    logger,
    events,
  });
}

export async function leftOfGraphile(url: string): Promise<number> {
  const [row] = await query(url, 'select count(*)::int as left from graphile_worker._private_jobs');
  return Number(row?.left);
}

/** Milliseconds of each of its next `count` get_job statements, one after the other. */
export async function timeGetJob(url: string, count: number): Promise<number[]> {
  const events = newEvents();
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
  const runner = await runGraphile(url, 1, events);
  await Promise.race([enough, runner.promise]);
  await runner.stop();
  return times.slice(0, count);
}

const newEvents = (): WorkerEvents => new EventEmitter() as unknown as WorkerEvents;
