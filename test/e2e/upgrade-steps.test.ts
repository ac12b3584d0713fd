import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, migrateDatabase } from '../../packages/db/src/index.ts';
import { makeBucket } from '../buckets.ts';
import { emptyUrl } from '../db/harness.ts';
import { MIGRATIONS, migrationFolder } from '../db/migration-folder.ts';
import { queryOnce } from '../db/query.ts';
import { containerSuites, serviceAddress } from '../services.ts';
import { awsSettings } from './aws-settings.ts';
import { type EditCheckDeps, expectEdited } from './edit-checks.ts';
import { checkOutLastRelease, type ReleasedCode, releaseSuites } from './last-release.ts';
import { makeQueues, type Queues } from './messages.ts';
import { runCommand } from './processes.ts';
import { type Outside, startOutside } from './receiver.ts';
import { createServiceProcesses, type ServiceProcess, type ServiceProcesses } from './service-processes.ts';
import { PARTS, type Part, prepare } from './system.ts';

type Version = 'last' | 'today';

type Step = Readonly<Record<Part, Version>>;

/** Up, in the order that the documents say; the way back is the same backwards. */
const UP: readonly Step[] = [
  { worker: 'last', dispatcher: 'last', api: 'last' },
  { worker: 'today', dispatcher: 'last', api: 'last' },
  { worker: 'today', dispatcher: 'today', api: 'last' },
  { worker: 'today', dispatcher: 'today', api: 'today' },
];
/** Which version each role is of. One role changes from each to the next, and each of the eight combinations is there once. */
const ALL_STEPS: readonly Step[] = [
  ...UP,
  { worker: 'today', dispatcher: 'last', api: 'today' },
  { worker: 'last', dispatcher: 'last', api: 'today' },
  { worker: 'last', dispatcher: 'today', api: 'today' },
  { worker: 'last', dispatcher: 'today', api: 'last' },
];
/** Messages of each version are also received by the other one. */
const QUEUE_STEPS: readonly Step[] = [...UP, { worker: 'last', dispatcher: 'today', api: 'today' }];

interface Backend {
  readonly env: Readonly<Record<string, string>>;
  close(): void;
}

async function sqsAndS3(): Promise<Backend> {
  const [minio, localstack] = await Promise.all([serviceAddress('minio'), serviceAddress('localstack')]);
  const queues: Queues = await makeQueues(localstack);
  const env = {
    ...awsSettings({ minio, localstack, queues, storageUrl: `s3://${await makeBucket(minio)}/edits` }),
  };
  return { env, close: queues.close };
}

const plain = (): Promise<Backend> => Promise.resolve({ env: {}, close: () => undefined });

const suites = [
  ['on one database and a folder', plain, ALL_STEPS],
  ...(await containerSuites([['on SQS and S3', sqsAndS3, QUEUE_STEPS] as const])),
] as const;

it('each combination of versions is among the steps, and each step changes one role', () => {
  expect(new Set(ALL_STEPS.map((step) => PARTS.map((part) => step[part]).join())).size).toBe(2 ** PARTS.length);
  for (const steps of [ALL_STEPS, QUEUE_STEPS]) {
    for (const [n, step] of steps.entries()) {
      const before = steps[n - 1];
      if (before !== undefined) expect(PARTS.filter((part) => step[part] !== before[part])).toHaveLength(1);
    }
  }
});

describe.each(await releaseSuites(suites))(
  'from the last release to this version and back, %s,',
  (_, openBackend, steps) => {
    let release: ReleasedCode;
    let folder = '';
    let databaseUrl = '';
    let outside: Outside;
    let backend: Backend;
    let env: Record<string, string>;
    let versions: Readonly<Record<Version, ServiceProcesses>>;

    beforeAll(async () => {
      const prepared = await prepare();
      folder = prepared.folder;
      [release, outside, databaseUrl, backend] = await Promise.all([
        checkOutLastRelease(),
        startOutside(),
        emptyUrl({ lasts: 'file' }),
        openBackend(),
      ]);
      env = { ...prepared.env, ...backend.env, DATABASE_URL: databaseUrl };
      await mkdir(join(folder, 'data'), { recursive: true });
      const engine = join(release.root, 'test/fakes/engine.ts');
      versions = {
        today: createServiceProcesses(env, folder),
        last: createServiceProcesses({ ...env, QWEN_EDIT_ENGINE_PROGRAM: engine }, folder, release.root),
      };
    });
    afterAll(async () => {
      await Promise.all(Object.values(versions ?? {}).map((each) => each.kill()));
      outside?.close();
      backend?.close();
      await release?.remove();
      await rm(folder, { recursive: true, force: true });
    });

    const running = new Map<Part, ServiceProcess>();
    const checks = (): EditCheckDeps => ({
      outside,
      databaseUrl,
      output: () =>
        Object.values(versions)
          .map((each) => each.lastOutput())
          .join('\n'),
    });

    /** A new process beside the old one, which is then stopped: as a rolling update does it. */
    async function replace(part: Part, version: Version): Promise<void> {
      const former = running.get(part);
      running.set(part, await versions[version].start(part));
      expect(await (former?.stop() ?? 0)).toBe(0);
    }

    async function run(version: Version, ...args: string[]): Promise<{ code: number | string; output: string }> {
      const command = runCommand(args, env, folder, version === 'last' ? { root: release.root } : {});
      return { code: await command.ended, output: command.output() };
    }

    const edited = (): Promise<void> => expectEdited(checks(), running.get('api')!, running.get('worker')!);

    it('every role of one version works with every role of the other, after the database was expanded under the old ones', async () => {
      expect(await run('last', 'migrate')).toMatchObject({ code: 0 });
      for (const part of PARTS) await replace(part, 'last');
      await edited();
      // Expand: the old processes go on.
      const planned = await run('today', 'migrate', '--plan', '--json');
      const plan = JSON.parse(planned.output) as { pending: { phase: string }[]; holds_up: boolean };
      expect(plan).toMatchObject({ holds_up: false });
      expect(plan.pending.map(({ phase }) => phase)).not.toContain('contract');
      expect(planned.code).toBe(0);
      expect(await run('today', 'migrate')).toMatchObject({ code: 0 });
      for (const step of steps) {
        for (const part of PARTS) {
          if (versions[step[part]].members().includes(running.get(part)!)) continue;
          await replace(part, step[part]);
        }
        await edited();
      }
      // The old migrate changes nothing of what the new one did.
      expect(await run('last', 'migrate')).toMatchObject({ code: 0 });
      const rows = await queryOnce<{ tag: string }>(
        databaseUrl,
        'select tag from drizzle.__drizzle_migrations order by created_at',
      );
      expect(rows.map(({ tag }) => tag)).toEqual(MIGRATIONS);
    });

    it('programs go on while a later version expands, and are refused with a sentence once it has contracted', async () => {
      const later = {
        '0100_expand': 'ALTER TABLE "jobs" ADD COLUMN "shade" text;',
        '0101_migrate': `UPDATE "jobs" SET "shade" = 'light' WHERE "shade" IS NULL;`,
      };
      const contract = '-- needs programs that know 0100_expand\nALTER TABLE "jobs" DROP COLUMN "request_id";';
      const database = createDatabase({ url: databaseUrl, max: 2 });
      try {
        const expanded = await migrateDatabase(database, { folder: await migrationFolder({ later }) });
        expect(expanded).toEqual(['0100_expand', '0101_migrate']);
        await replace('api', 'today');
        await replace('worker', 'last');
        await edited();
        expect(await run('today', 'migrate')).toMatchObject({
          code: 0,
          output: expect.stringContaining('may be used'),
        });

        const folderOfAll = await migrationFolder({ later: { ...later, '0102_contract': contract } });
        expect(await migrateDatabase(database, { folder: folderOfAll })).toEqual(['0102_contract']);
        await queryOnce(
          databaseUrl,
          "update drizzle.__drizzle_migrations set version = '9.1.0' where tag = '0102_contract'",
        );
      } finally {
        await database.close();
      }
      const programs = (['last', 'today'] as const).flatMap((version) =>
        [...PARTS, 'migrate'].map((command) => ({ version, command })),
      );
      const ends = await Promise.all(programs.map(({ version, command }) => run(version, command)));
      const words = /migrated to 0102_contract by version 9\.1\.0.*must not be used.*Run version 9\.1\.0/s;
      for (const [n, ended] of ends.entries()) {
        expect(ended, JSON.stringify(programs[n])).toMatchObject({ code: 1, output: expect.stringMatching(words) });
      }
      // One that was not stopped before says of itself that it is no longer ready.
      const ready = await fetch(`${running.get('api')!.url}/readyz`);
      expect(ready.status).toBe(503);
      expect(await ready.json()).toMatchObject({ code: 'migration_needed' });
    });
  },
);
