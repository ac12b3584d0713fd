import { describe, expect, it } from 'vitest';
import {
  addUpload,
  deleteJob,
  deleteOldJob,
  deleteUnusedAssets,
  findInput,
  newId,
  requestCancel,
  submitJob,
  succeedJob,
  unknownKeys,
} from '../../packages/db/src/index.ts';
import { recordTry, takeDue } from './deliveries.ts';
import { freshDatabase } from './harness.ts';
import { findTableViolations } from './invariants.ts';
import {
  atOnce,
  claimOrFail,
  count,
  newJob,
  OWNER,
  PLAIN,
  rawJob,
  running,
  storeTestInput,
  submitOrFail,
  successOf,
} from './jobs.ts';

type Database = Awaited<ReturnType<typeof freshDatabase>>;

const mine = (id: string) => ({ owner: OWNER, id });
/** A job that is final, by the shortest way. */
async function canceled(database: Database, inputs: readonly string[]): Promise<string> {
  const id = await submitOrFail(database, { inputs });
  await requestCancel(database.db, mine(id));
  return id;
}

describe('deleting a job', () => {
  it('takes its events, results, webhooks and key with it, and names the objects to delete', async () => {
    const database = await freshDatabase();
    const input = await storeTestInput(database, 'a');
    const id = await submitOrFail(database, { inputs: [input, input], webhookUrl: 'https://example.com' });
    const { lease } = await claimOrFail(database, id);
    const result = successOf(lease, 2);
    await succeedJob(database.db, lease, result);
    const keys = await deleteJob(database, mine(id));
    expect(keys?.toSorted()).toEqual([`inputs/${input}`, ...result.outputs.map(({ key }) => key)].toSorted());
    for (const table of ['jobs', 'job_events', 'job_inputs', 'assets', 'webhook_deliveries']) {
      expect([table, await count(database, table)]).toEqual([table, 0]);
    }
  });

  it('keeps a picture that another job uses, until that one is deleted too', async () => {
    const database = await freshDatabase();
    const [shared, own] = [await storeTestInput(database, 'shared'), await storeTestInput(database, 'own')];
    const first = await canceled(database, [own, shared]);
    const second = await canceled(database, [shared]);
    expect(await deleteJob(database, mine(first))).toEqual([`inputs/${own}`]);
    expect(await findTableViolations(database.pool)).toEqual([]);
    expect(await deleteJob(database, mine(second))).toEqual([`inputs/${shared}`]);
  });

  it('by 8 at once, of 8 jobs that share pictures, gives each picture up exactly once', async () => {
    const database = await freshDatabase();
    const inputs = await atOnce(4, (n) => storeTestInput(database, `${n}`));
    const ids = await atOnce(8, (n) => canceled(database, n % 2 === 0 ? inputs : inputs.toReversed()));
    const keys = await atOnce(8, (n) => deleteJob(database, mine(ids[n]!)));
    expect(keys.flat().toSorted()).toEqual(inputs.map((id) => `inputs/${id}`).toSorted());
    expect(await count(database, 'assets')).toBe(0);
  });

  it('is refused while it is not final, and is of no effect for another owner or an unknown id', async () => {
    const database = await freshDatabase();
    const queued = await submitOrFail(database);
    const { jobId } = await running(database);
    for (const id of [queued, jobId]) {
      await expect(deleteJob(database, mine(id))).rejects.toMatchObject({ code: 'job_state' });
      expect(await deleteJob(database, { owner: 'bob', id })).toBeUndefined();
      expect(await rawJob(database, id)).toBeDefined();
    }
    expect(await deleteJob(database, mine('job_none'))).toBeUndefined();
  });

  it('beside submissions of the same pictures never leaves a job without one, nor does either side wait for ever', async () => {
    const database = await freshDatabase({ max: 10 });
    const contents = ['a', 'b', 'c', 'd', 'e', 'f'];
    let [accepted, refused] = [0, 0];
    for (let round = 0; round < 25; round++) {
      const inputs = await atOnce(contents.length, (n) => storeTestInput(database, contents[n]!));
      const ids = await atOnce(2, () => canceled(database, inputs));
      // As long after the last use, so that using them again writes to their rows.
      if (round % 2 === 0) await database.pool.query(`update assets set last_used_at = now() - interval '1 hour'`);
      const submitting = atOnce(4, async (n) => {
        const job = newJob({ inputs: n % 2 === 0 ? inputs : inputs.toReversed() });
        const done = await submitJob(database, job, PLAIN);
        done ? accepted++ : refused++;
        if (done) await requestCancel(database.db, mine(job.id));
      });
      await Promise.all([submitting, ...ids.map((id) => deleteJob(database, mine(id)))]);
      expect(await findTableViolations(database.pool)).toEqual([]);
    }
    expect(accepted).toBeGreaterThan(0);
    expect(accepted + refused).toBe(100);
  });
});

describe('retention', () => {
  it('deletes final jobs that ended long enough ago, oldest first, and no other', async () => {
    const database = await freshDatabase();
    const ids = await atOnce(3, () => canceled(database, []));
    await submitOrFail(database);
    const age = (id: string, hours: number) =>
      database.pool.query(`update jobs set completed_at = now() - $2 * interval '1 hour' where id = $1`, [id, hours]);
    await Promise.all([age(ids[0]!, 3), age(ids[1]!, 5), age(ids[2]!, 1)]);
    const deleted: (string | undefined)[] = [];
    for (;;) {
      if ((await deleteOldJob(database, 2 * 3_600_000)) === undefined) break;
      const left = (await database.pool.query<{ id: string }>('select id from jobs')).rows.map(({ id }) => id);
      deleted.push(ids.find((id) => !left.includes(id) && !deleted.includes(id)));
    }
    expect(deleted).toEqual([ids[1], ids[0]]);
    expect(await count(database, 'jobs')).toBe(2);
  });

  it('waits for webhooks that are still to be told', async () => {
    const database = await freshDatabase();
    const id = await submitOrFail(database, { webhookUrl: 'https://example.com' });
    await requestCancel(database.db, mine(id));
    expect(await deleteOldJob(database, -1000)).toBeUndefined();
    const [due] = await takeDue(database);
    const attempt = { at: new Date().toISOString(), status: 200, duration_ms: 1, error: null };
    await recordTry(database, due!.id, attempt, { status: 'delivered' });
    expect(await deleteOldJob(database, -1000)).toEqual([]);
  });

  it('by 6 at once deletes each job once', async () => {
    const database = await freshDatabase();
    const inputs = await atOnce(10, (n) => storeTestInput(database, `${n}`));
    await atOnce(10, (n) => canceled(database, [inputs[n]!]));
    const rounds = await atOnce(6, async () => {
      const keys: string[] = [];
      for (let next = await deleteOldJob(database, -1000); next !== undefined; ) {
        keys.push(...next);
        next = await deleteOldJob(database, -1000);
      }
      return keys;
    });
    expect(rounds.flat().toSorted()).toEqual(inputs.map((id) => `inputs/${id}`).toSorted());
  });
});

describe('the sweep of pictures', () => {
  it('takes inputs and uploads that nobody has used for long, and leaves the rest', async () => {
    const database = await freshDatabase();
    const [unused, used, fresh] = await atOnce(3, (n) => storeTestInput(database, `${n}`));
    const upload = newId('upload');
    await addUpload(database.db, { id: upload, owner: OWNER, key: `uploads/${upload}`, mediaType: 'image/png' });
    await submitOrFail(database, { inputs: [used!] });
    await database.pool.query(`update assets set last_used_at = now() - interval '2 hours' where id <> $1`, [fresh]);
    const swept = await deleteUnusedAssets(database, 3_600_000, 10);
    expect(swept.toSorted()).toEqual([`inputs/${unused}`, `uploads/${upload}`].toSorted());
    const unknown = await unknownKeys(database.db, [`inputs/${used}`, `inputs/${unused}`, 'other']);
    expect(unknown.toSorted()).toEqual([`inputs/${unused}`, 'other']);
  });

  it('beside submissions of the same pictures takes none that a job has, and fails nobody', async () => {
    const database = await freshDatabase({ max: 10 });
    for (let round = 0; round < 40; round++) {
      const inputs = await atOnce(4, (n) => storeTestInput(database, `${round} ${n}`));
      await Promise.all([
        ...[inputs, inputs.toReversed()].map((each) => submitJob(database, newJob({ inputs: each }), PLAIN)),
        deleteUnusedAssets(database, -1000, 3),
        deleteUnusedAssets(database, -1000, 3),
      ]);
    }
    expect(await findTableViolations(database.pool)).toEqual([]);
  });
});

it('one content of one owner is one picture, also when 10 store it at once', async () => {
  const database = await freshDatabase();
  const ids = await atOnce(10, () => storeTestInput(database, 'a'));
  expect(new Set(ids).size).toBe(1);
  expect(await storeTestInput(database, 'a', 'bob')).not.toBe(ids[0]);
  const { rows } = await database.pool.query<{ sha256: string }>('select sha256 from assets limit 1');
  expect((await findInput(database.db, OWNER, rows[0]!.sha256))?.id).toBe(ids[0]);
});
