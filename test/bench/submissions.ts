import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningCommand, runCommand } from '../e2e/processes.ts';
import { createBenchCaller, createFreshPictures } from './caller.ts';
import { openAdder } from './graphile.ts';
import { runStatements } from './query.ts';
import type { Pair } from './server.ts';
import { type Arrivals, closedLoop, type Load, MEDIAN, openLoop, percentile } from './statistics.ts';

export interface SubmissionBenchOptions {
  readonly lanes: number;
  /** Alternating, so that whatever else the machine does falls on all alike. */
  readonly rounds: number;
  readonly roundMs: number;
  readonly picture: Buffer;
  readonly folder: string;
  readonly signal: AbortSignal;
}

export interface SubmitRates {
  /** Pictures that the service has not seen: proved, stored and made durable before the 202. */
  readonly fresh: Load;
  /** One picture that it has: told by its content. */
  readonly known: Load;
  readonly theirs: Load;
}

const WARM_UP = 0.25;

/** How many jobs a second are taken: by `qwen-edit api` through HTTP, and by graphile-worker's add_job without. */
export async function timeSubmissions({ ours, theirs }: Pair, options: SubmissionBenchOptions): Promise<SubmitRates> {
  const { lanes, picture, roundMs, rounds, signal, folder } = options;
  const api = startRole('api', ours, join(folder, 'api'));
  const url = await readyUrl(api);
  const freshCaller = createBenchCaller(url, createFreshPictures(picture));
  const knownCaller = createBenchCaller(url, () => picture);
  const adder = await openAdder(theirs, lanes);
  const measure = async (ms: number) => ({
    theirs: await closedLoop({ lanes, ms, signal }, adder.add),
    known: await closedLoop({ lanes, ms, signal }, knownCaller.submit),
    fresh: await closedLoop({ lanes, ms, signal }, freshCaller.submit),
  });
  try {
    await measure(roundMs * WARM_UP);
    const all: SubmitRates[] = [];
    for (let round = 0; round < rounds; round++) all.push(await measure(roundMs));
    const pooled = (loads: readonly Load[]): Load => ({
      times: loads.flatMap(({ times }) => times),
      rate: percentile(
        loads.map(({ rate }) => rate),
        MEDIAN,
      ),
    });
    return {
      fresh: pooled(all.map((each) => each.fresh)),
      known: pooled(all.map((each) => each.known)),
      theirs: pooled(all.map((each) => each.theirs)),
    };
  } finally {
    freshCaller.close();
    knownCaller.close();
    await adder.close();
    await api.stop();
  }
}

export interface BusyTimes extends Arrivals {
  /** Seconds of each edit that the worker has done meanwhile. */
  readonly edits: readonly number[];
}

export interface BusyOptions extends Pick<SubmissionBenchOptions, 'picture' | 'folder' | 'signal'> {
  readonly perSecond: number;
  readonly seconds: number;
}

/** How long submissions take that come at a fixed pace, while the worker of the same `qwen-edit serve` edits. */
export async function timeBusy(url: string, options: BusyOptions): Promise<BusyTimes> {
  const serve = startRole('serve', url, join(options.folder, 'serve'));
  const caller = createBenchCaller(await readyUrl(serve), createFreshPictures(options.picture));
  try {
    // So many that the worker is not done with them before those come that are measured.
    for (let n = 0; n < 10; n++) await caller.submit();
    await untilEdited(url, 1, options.signal);
    const before = await countEdited(url);
    const arrivals = await openLoop(options, caller.submit);
    return { ...arrivals, edits: (await editSeconds(url)).slice(before) };
  } finally {
    caller.close();
    await serve.stop();
  }
}

/** A role as a process of its own, as it is run in earnest; only the limit of the queue is lifted. */
export function startRole(role: 'api' | 'serve', url: string, dataDir: string): RunningCommand {
  const lifted = { QWEN_EDIT_MAX_QUEUE: '1000000000', QWEN_EDIT_GRACE_SECONDS: '0' };
  const env = {
    DATABASE_URL: url,
    QWEN_EDIT_DATA_DIR: dataDir,
    PORT: '0',
    ...(role === 'api' ? {} : lifted),
  };
  return runCommand([role], env, import.meta.dirname);
}

export async function readyUrl(running: RunningCommand): Promise<string> {
  const [, url = ''] = await running.until(/ is ready at (http:\S+)/);
  return url;
}

const countEdited = async (url: string): Promise<number> => (await editSeconds(url)).length;

/** Of each edit that is done, in the order of their ends. */
async function editSeconds(url: string): Promise<readonly number[]> {
  const rows = await runStatements(
    url,
    `select timings->>'total_s' as seconds from jobs where status = 'succeeded' order by completed_at`,
  );
  return rows.map(({ seconds }) => Number(seconds));
}

async function untilEdited(url: string, count: number, signal: AbortSignal): Promise<void> {
  while ((await countEdited(url)) < count) await sleep(200, undefined, { signal });
}
