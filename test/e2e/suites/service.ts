import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { queryOnce } from '../../db/query.ts';
import { cancelAll } from '../calls.ts';
import { pythonVerifiers } from '../python-webhooks.ts';
import type { System } from '../system.ts';
import { pollUntil } from '../waiting.ts';
import { expectInvariants } from '../witnesses.ts';
import { cancelTests } from './cancels.ts';
import { deathTests } from './deaths.ts';
import { editTests } from './edits.ts';
import { guideTests } from './guide.ts';
import { stopTests } from './stops.ts';
import { streamTests } from './streams.ts';
import { submissionTests } from './submissions.ts';
import { webhookTests } from './webhooks.ts';

export interface More<S> {
  readonly name: string;
  readonly tests: (the: () => S) => void;
}

const python = await pythonVerifiers();

/** Everything that is promised of a service, whatever its size; after each part the invariants are looked at from outside. */
export function serviceTests<S extends System>(start: () => Promise<S>, more: readonly More<S>[] = []): void {
  let system: S | undefined;
  const the = (): S => system!;
  const orphan = `outputs/job_of_nobody/${crypto.randomUUID()}/0.png`;
  beforeAll(async () => {
    system = await start();
    await system.objects.plant(orphan);
    expect(await system.objects.keys()).toEqual([orphan]);
  });
  afterAll(async () => {
    await system?.remove();
    for (const each of python) await each.remove();
  });
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      console.error(system?.lastOutput());
      // What stays would fail the following tests too.
      if (system !== undefined) await cancelAll(system).catch(() => undefined);
    });
  });

  const parts: readonly More<S>[] = [
    { name: 'submissions', tests: submissionTests },
    { name: 'event streams', tests: streamTests },
    {
      name: 'webhooks',
      tests: (each) =>
        webhookTests(
          each,
          python.map(({ verify }) => verify),
        ),
    },
    { name: 'cancellation', tests: cancelTests },
    { name: 'the guide’s API', tests: guideTests },
    ...more,
    { name: 'processes that are told to stop', tests: stopTests },
    { name: 'processes that are killed', tests: deathTests },
    { name: 'with the demo model', tests: editTests },
  ];
  for (const { name, tests } of parts) {
    describe(name, () => {
      tests(the);
      it('the five invariants hold', () => expectInvariants(the()));
    });
  }

  it('an object without a row is swept', () =>
    pollUntil('a sweep', async () => !(await the().objects.keys()).includes(orphan)));

  it('everyone stops when told to, with exit code 0, and leaves no process and no connection', async () => {
    const url = await the().databaseUrl();
    expect(new Set(await the().stop())).toEqual(new Set([0]));
    expect(await the().processes()).toEqual([]);
    // An embedded database is gone with them.
    const sessions = await queryOnce(
      url,
      `select 1 from pg_stat_activity where datname = current_database() and application_name like 'qwen-edit%'`,
    ).catch(() => []);
    expect(sessions).toEqual([]);
  });
}
