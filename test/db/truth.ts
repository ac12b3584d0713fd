import { expect } from 'vitest';
import { claimJob, expireJobs, reapLeases, succeedJob, takeOutbox } from '../../packages/db/src/index.ts';
import { claimAct, type SharedState, type Told } from './actors.ts';
import { findTableViolations } from './invariants.ts';
import { ERROR, expireLease, successOf } from './jobs.ts';

interface Row {
  readonly id: string;
  readonly status: string;
  readonly attempt: number;
  /** Tokens that its results lie under. */
  readonly tokens: readonly string[];
}

/** Once all actors are done: what the tables say, and that nobody was told otherwise. */
export async function expectTruth(stage: SharedState, { allHeard }: { readonly allHeard: boolean }): Promise<void> {
  const { pool } = stage.database;
  expect(await findTableViolations(pool)).toEqual([]);
  const { rows } = await pool.query<Row>(
    `select id, status, attempt, array(select split_part(key, '/', 3) from assets where job_id = jobs.id) as tokens from jobs`,
  );
  const jobs = new Map(rows.map((row) => [row.id, row]));
  for (const [id, told] of Map.groupBy(stage.told, ({ jobId }) => jobId)) {
    const job = jobs.get(id);
    const ends = new Set(told.filter(isEnd).map(({ what, token }) => `${what} ${token ?? ''}`));
    expect(ends.size, `who ended ${id}: ${[...ends].join(', ')}`).toBeLessThanOrEqual(1);
    expect(job === undefined, `${id} is gone`).toBe(
      told.some(({ what }) => what === 'deleted') || (!allHeard && job === undefined),
    );
    const attempts = told.flatMap(({ attempt }) => attempt ?? []);
    expect(new Set(attempts).size, `attempts of ${id}`).toBe(attempts.length);
    if (job === undefined) continue;
    for (const { what, token } of told.filter(isEnd)) {
      expect(job.status).toBe(what);
      if (what === 'succeeded') expect(new Set(job.tokens)).toEqual(new Set([token]));
      // Who ended it by a lease had the last one that there was.
      const lease = told.find((each) => each.what === 'claimed' && each.token === token);
      if (lease !== undefined) expect(lease.attempt).toBe(job.attempt);
    }
    if (allHeard) expect(attempts.length).toBe(job.attempt);
    else expect(attempts.length).toBeLessThanOrEqual(job.attempt);
  }
}

const isEnd = ({ what }: Told): boolean => !['accepted', 'claimed', 'deleted'].includes(what);

/** Everybody is gone; what a reaper and one last worker do brings every accepted job to its end. */
export async function expectEndOfAll(stage: SharedState): Promise<void> {
  const { database } = stage;
  const open = async (): Promise<{ id: string }[]> =>
    (await database.pool.query<{ id: string }>(`select id from jobs where status in ('queued', 'running')`)).rows;
  await database.pool.query(`update jobs set run_after = now() where status = 'queued'`);
  for (const { id } of await open()) await expireLease(database, id);
  await expireJobs(database.db, ERROR);
  await reapLeases(database.db, ERROR);
  for (const { id } of await open()) {
    const lease = await claimAct(stage, id);
    expect(lease && (await succeedJob(database.db, lease, successOf(lease)))).toBe(true);
  }
  expect(await open()).toEqual([]);
  expect(await findTableViolations(database.pool)).toEqual([]);
  // A message that was written while its job ended is deleted, not sent.
  expect(await takeOutbox(database.db, 1000, 0)).toEqual([]);
  expect((await database.pool.query('select from outbox')).rowCount).toBe(0);
  const again = { token: 'x', workerId: 'x', leaseMs: 1 };
  for (const id of stage.jobs) expect(await claimJob(database.db, id, again)).toEqual({ outcome: 'done' });
}
