import { claimJob, createDatabase, createQueueTable, newToken } from '../../packages/db/src/index.ts';
import { addPicture, fillOurs } from './fill.ts';
import { fillGraphile, timeGetJob } from './graphile.ts';
import type { Pair } from './server.ts';
import { MEDIAN, percentile } from './statistics.ts';

export interface ClaimTimes {
  /** Milliseconds, medians: what a worker does to get a job, the second of its two statements alone, and graphile-worker. */
  readonly ours: number;
  readonly claimAlone: number;
  readonly theirs: number;
}

/** The first claims of a connection read its catalogues. */
const WARM_UP = 30;
const HIDE_MS = 30_000;
const LEASE_MS = 60_000;

/** How long it takes to get one job, one after the other, where `rows` are waiting: for a queue the worst case. */
export async function timeClaims({ ours, theirs }: Pair, rows: number, count: number): Promise<ClaimTimes> {
  const mine = await timeOurs(ours, rows, count);
  await fillGraphile(theirs, rows);
  const getJob = (await timeGetJob(theirs, WARM_UP + count)).slice(WARM_UP);
  return { ...mine, theirs: percentile(getJob, MEDIAN) };
}

async function timeOurs(url: string, rows: number, count: number): Promise<Omit<ClaimTimes, 'theirs'>> {
  const database = createDatabase({ url });
  try {
    await fillOurs(url, await addPicture(database, Buffer.from('a picture')), rows);
    const table = createQueueTable(database.db);
    const both: number[] = [];
    const second: number[] = [];
    for (let n = 0; n < WARM_UP + count; n++) {
      const start = performance.now();
      const [message] = await table.take({ max: 1, hideMs: HIDE_MS });
      const taken = performance.now();
      const claim = { token: newToken(), workerId: 'worker_bench', leaseMs: LEASE_MS };
      const { outcome } = await claimJob(database.db, message?.jobId ?? '', claim);
      if (outcome !== 'claimed') throw new Error(`claim ${n} of ${rows} rows: ${outcome}`);
      both.push(performance.now() - start);
      second.push(performance.now() - taken);
    }
    return { ours: percentile(both.slice(WARM_UP), MEDIAN), claimAlone: percentile(second.slice(WARM_UP), MEDIAN) };
  } finally {
    await database.close();
  }
}
