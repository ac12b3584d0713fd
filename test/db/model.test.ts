import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { JOB_EVENT_TYPES } from '../../packages/contract/src/index.ts';
import { toDatabaseError } from '../../packages/db/src/connection/database-error.ts';
import type { Database } from '../../packages/db/src/index.ts';
import { environment } from '../config.ts';
import { containerSuites, serviceAddress } from '../services.ts';
import { type ActorScript, perform, type SharedState, scripts, scriptsAndKiller, submitAct } from './actors.ts';
import { sequences } from './commands.ts';
import { type TestServer, useServer } from './harness.ts';
import { findTableViolations } from './invariants.ts';
import { emptyModel } from './model.ts';
import { expectEndOfAll, expectTruth } from './truth.ts';

/** Other sequences in each run. QWEN_EDIT_TEST_SEED repeats those of a failure, which names its seed. */
const seed = Number(environment.QWEN_EDIT_TEST_SEED ?? Date.now() % 2 ** 31);
/** Each of the tests below ends after this, however slow the machine is. */
const LIMIT_MS = 3000;

/** In these tests the tables themselves refuse a change of a final job. */
const FINAL_IS_FINAL = `
  create function refuse() returns trigger language plpgsql as $$
    begin raise exception 'the final job % was changed', old.id; end $$;
  create trigger final_is_final before update on jobs for each row
    when (old.status in ('succeeded', 'failed', 'canceled', 'expired')) execute function refuse()`;

interface Suite {
  readonly name: string;
  start(): Promise<TestServer>;
}
const own: Suite = {
  name: environment.QWEN_EDIT_TEST_POSTGRES ?? 'embedded PostgreSQL 18',
  start: async () => useServer(await serviceAddress('embedded-postgres')),
};
const inContainer: Suite = {
  name: 'PostgreSQL 17',
  start: async () => useServer(await serviceAddress('postgres')),
};

describe.each([own, ...(await containerSuites([inContainer]))])('on $name', ({ start }) => {
  let started: Promise<TestServer> | undefined;
  afterAll(async () => (await started)?.close());

  async function prepare(): Promise<Database> {
    started ??= start();
    const database = await (await started).freshDatabase({ max: 9 });
    await database.pool.query(FINAL_IS_FINAL);
    return database;
  }

  /**
   * Holds the property for as many values as there are runs, or as there is time for; false where time was short. Values
   * that meet by chance are not shrunk: a smaller one that passes says nothing.
   */
  async function hold<T>(
    { database, numRuns, shrink }: { database: Database; numRuns: number; shrink: boolean },
    values: fc.Arbitrary<T>,
    property: (value: T) => Promise<void>,
  ): Promise<boolean> {
    const until = performance.now() + LIMIT_MS;
    const once = async (value: T): Promise<void> => {
      if (performance.now() > until) return;
      await database.pool.query('delete from jobs; delete from assets');
      await property(value);
    };
    await fc.assert(fc.asyncProperty(values, once), { seed, numRuns, endOnFailure: !shrink });
    return performance.now() < until;
  }

  async function atOnce(
    database: Database,
    company: readonly ActorScript[],
    { allHeard }: { readonly allHeard: boolean },
  ): Promise<void> {
    const stage: SharedState = { database, jobs: [], leases: [], told: [] };
    for (let n = 0; n < 4; n++) await submitAct(stage, { job: n, lease: 0, flag: n % 2 === 0, n });
    // Some acts use the pool itself, whose errors are pg's own.
    const tolerate = (thrown: unknown): boolean => !allHeard && toDatabaseError(thrown).code === 'database_unavailable';
    await perform(stage, company, tolerate);
    await expectTruth(stage, { allHeard });
    await expectEndOfAll(stage);
  }

  it(`any sequence of transitions does what the model says, and leaves the tables sound (seed ${seed})`, async () => {
    const database = await prepare();
    const seen = new Set<string>();
    const all = await hold({ database, numRuns: 25, shrink: true }, sequences, async (commands) => {
      const model = emptyModel();
      await fc.asyncModelRun(() => ({ model, real: database }), commands);
      expect(await findTableViolations(database.pool)).toEqual([]);
      for (const event of model.events.keys()) seen.add(event);
    });
    if (all) expect(JOB_EVENT_TYPES.filter((type) => !seen.has(type))).toEqual([]);
  });

  it(`eight at once: one end for each job, by who held its lease, and no gap in its events (seed ${seed})`, async () => {
    const database = await prepare();
    await hold({ database, numRuns: 20, shrink: false }, scripts, (company) =>
      atOnce(database, company, { allHeard: true }),
    );
  });

  it(`eight at once while their connections are cut: the same, and nobody was told a lie (seed ${seed})`, async () => {
    const database = await prepare();
    await hold({ database, numRuns: 12, shrink: false }, scriptsAndKiller, (company) =>
      atOnce(database, company, { allHeard: false }),
    );
  });
});
