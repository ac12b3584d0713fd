import { mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../packages/contract/src/index.ts';
import { freshUrl } from '../db/harness.ts';
import { queryOnce } from '../db/query.ts';
import { type EditCheckDeps, expectEdited, postEdit, readEdit } from './edit-checks.ts';
import { checkOutLastRelease, type ReleasedCode, releaseSuites, whyNoCommit } from './last-release.ts';
import { type Outside, startOutside } from './receiver.ts';
import { createServiceProcesses, type ServiceProcesses } from './service-processes.ts';
import { prepare } from './system.ts';

/** More than any version understands. */
const FAR_VERSION = 1_000_000;

it('a clone that lacks the commit of the last release is told how to get it', async () => {
  expect(await whyNoCommit('0'.repeat(40))).toContain('git fetch --unshallow');
  expect(await whyNoCommit('HEAD')).toBeUndefined();
});

describe.each(await releaseSuites(['the last release beside this version, on a database that this one has migrated']))(
  '%s',
  () => {
    let release: ReleasedCode;
    let folder = '';
    let databaseUrl = '';
    let outside: Outside;
    let today: ServiceProcesses;
    let last: ServiceProcesses;

    beforeAll(async () => {
      const prepared = await prepare();
      folder = prepared.folder;
      [release, outside, databaseUrl] = await Promise.all([
        checkOutLastRelease(),
        startOutside(),
        freshUrl({ lasts: 'file' }),
      ]);
      const env = { ...prepared.env, DATABASE_URL: databaseUrl };
      await mkdir(join(folder, 'data'), { recursive: true });
      today = createServiceProcesses(env, folder);
      const engine = join(release.root, 'test/fakes/engine.ts');
      last = createServiceProcesses({ ...env, QWEN_EDIT_ENGINE_PROGRAM: engine }, folder, release.root);
    });
    afterAll(async () => {
      await Promise.all([today, last].map((each) => each?.kill()));
      outside?.close();
      await release?.remove();
      await rm(folder, { recursive: true, force: true });
    });

    const checks = (): EditCheckDeps => ({
      outside,
      databaseUrl,
      output: () => `${last.lastOutput()}\n${today.lastOutput()}`,
    });

    it('an old worker runs the jobs of a new API, a new worker those of an old API, and what only later ones understand waits', async () => {
      // It is the release's own code that runs beside this one's.
      const linked = await realpath(join(release.root, 'node_modules/@qwen-edit/worker'));
      expect(linked).toBe(join(release.root, 'apps/worker'));
      const api = await today.start('api');
      const later = await postEdit(api);
      await queryOnce(databaseUrl, 'update jobs set needs_version = $2 where id = $1', [later.id, FAR_VERSION]);
      const [worker] = await Promise.all([last.start('worker'), today.start('dispatcher')]);
      await expectEdited(checks(), api, worker);
      for (const member of today.members()) if (member !== api) await member.stop();
      await worker.stop();

      const [oldApi, newWorker] = await Promise.all([
        last.start('api'),
        today.start('worker'),
        last.start('dispatcher'),
      ]);
      await expectEdited(checks(), oldApi, newWorker);
      // Both APIs read what either version's jobs have become.
      for (const each of [api, oldApi]) {
        const list = (await (await fetch(`${each.url}/v1/jobs`)).json()) as { data: Job[] };
        expect(list.data).toHaveLength(3);
        expect(await readEdit(each, later.id)).toMatchObject({ status: 'queued', attempt: 0, error: null });
      }
      const canceled = await fetch(`${oldApi.url}/v1/jobs/${later.id}/cancel`, { method: 'POST' });
      expect(await canceled.json()).toMatchObject({ status: 'canceled' });
      const ends = await Promise.all([...today.members(), ...last.members()].map((member) => member.stop()));
      expect(ends).toEqual([0, 0, 0, 0]);
    });
  },
);
