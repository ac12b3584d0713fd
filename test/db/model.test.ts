import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { environment } from '../config.ts';
import { seedJob, perform, type Stage, scripts } from './actors.ts';
import { sequences } from './commands.ts';
import { emptyModel } from './model.ts';
import { freshDatabase } from './harness.ts';
import { findViolations } from './invariants.ts';

const seed = Number(environment.QWEN_EDIT_TEST_SEED ?? Date.now() % 2 ** 31);

/** In these tests the tables themselves refuse a change of a final job. */
const FINAL_IS_FINAL = `
  create function refuse() returns trigger language plpgsql as $$
    begin raise exception 'a final job was changed: % %', old.id, to_jsonb(new); end $$;
  create trigger final_is_final before update on jobs for each row
    when (old.status in ('succeeded', 'failed', 'canceled', 'expired')) execute function refuse()`;

it(`sequential (seed ${seed})`, async () => {
  const database = await freshDatabase({ max: 2 });
  const seen: Record<string, number> = {}; let n = 0;
  await fc.assert(
    fc.asyncProperty(sequences, async (commands) => {
      await database.pool.query('truncate jobs, assets cascade');
      const model = emptyModel(); n++;
      await fc.asyncModelRun(() => ({ model, real: database }), commands);
      for (const [e, c] of model.events) seen[e] = (seen[e] ?? 0) + c;
      expect(await findViolations(database.pool)).toEqual([]);
    }),
    { seed, numRuns: 100, interruptAfterTimeLimit: 15000 },
  );
  console.log(n, seen);
});

it(`concurrent (seed ${seed})`, async () => {
  const database = await freshDatabase({ max: 9 });
  await database.pool.query(FINAL_IS_FINAL);
  const problems = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(scripts, async (all) => {
      await database.pool.query('truncate jobs, assets cascade');
      const stage: Stage = { database, jobs: [], leases: [], told: [] };
      for (let n = 0; n < 5; n++) await seedJob(stage, n);
      await perform(stage, all, (thrown) => {
        const m =
          String((thrown as any).cause ?? thrown) +
          ' // ' +
          String((thrown as any).stack)
            .split('\n')
            .filter((l) => l.includes('packages/db'))
            .map((l) => l.trim().split('/').at(-1))
            .slice(0, 2)
            .join();
        problems.set(m, (problems.get(m) ?? 0) + 1);
        return true;
      });
      for (const t of stage.told) problems.set('told '+t.what, (problems.get('told '+t.what) ?? 0) + 1);
      for (const r of (await database.pool.query("select type, count(*)::int n from job_events group by 1")).rows) problems.set(r.type, (problems.get(r.type)??0)+r.n);
      for (const v of await findViolations(database.pool)) {
        const m = v.split(':')[0]!;
        problems.set(m, (problems.get(m) ?? 0) + 1);
      }
    }),
    { seed, numRuns: 60, endOnFailure: true },
  );
  console.log(problems);
});
