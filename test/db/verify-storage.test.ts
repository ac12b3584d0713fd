import { expect, it } from 'vitest';
import { type StorageFinding, verifyStorage } from '../../apps/cli/src/backup/verify-storage.ts';
import type { ObjectStore } from '../../packages/storage/src/index.ts';
import { makeBackupService } from './backup-places.ts';

const { signal } = new AbortController();
const PNG = { mediaType: 'image/png' };

async function verify(
  of: Awaited<ReturnType<typeof makeBackupService>>,
  store: Pick<ObjectStore, 'list' | 'head'> = of.store,
) {
  const findings: StorageFinding[] = [];
  const summary = await verifyStorage({
    database: of.database,
    store,
    signal,
    onFinding: (each) => findings.push(each),
  });
  return { summary, findings };
}

it('what rows name and the storage lacks is found with its jobs; what no row names is counted', async () => {
  const service = await makeBackupService();
  expect(await verify(service)).toEqual({
    findings: [],
    summary: { pictures: 4, missing: 0, changed: 0, orphans: 0, orphan_bytes: 0 },
  });
  const { store } = service;
  await store.delete(['inputs/asset_2', 'outputs/job_3/0a/0.png']);
  await store.put('inputs/asset_1', Buffer.from('short'), PNG);
  await store.put('inputs/asset_0', Buffer.alloc(70), PNG);
  await store.put('uploads/zzz', Buffer.alloc(7), PNG);
  await store.put('thumbnails/inputs/asset_2.webp', Buffer.alloc(7), PNG);
  const { summary, findings } = await verify(service);
  expect(summary).toEqual({ pictures: 4, missing: 2, changed: 1, orphans: 2, orphan_bytes: 77 });
  expect(findings).toEqual([
    { problem: 'missing', key: 'inputs/asset_2', id: 'asset_2', owner: 'o', kind: 'input', jobs: expect.any(Array) },
    expect.objectContaining({
      problem: 'missing',
      key: 'outputs/job_3/0a/0.png',
      jobs: [{ id: 'job_3', status: 'succeeded' }],
    }),
    expect.objectContaining({ problem: 'changed', key: 'inputs/asset_1', jobs: [{ id: 'job_1', status: 'queued' }] }),
  ]);
  expect(findings[0]?.jobs).toEqual([
    { id: 'job_2', status: 'running' },
    { id: 'job_1', status: 'queued' },
  ]);
});

it('an upload that has not come is missing only if a job edits it', async () => {
  const service = await makeBackupService();
  const { pool } = service.database;
  await pool.query(`insert into job_inputs (job_id, position, asset_id) values ('job_2', 1, 'asset_4')`);
  expect((await verify(service)).findings).toMatchObject([
    { problem: 'missing', key: 'uploads/asset_4', kind: 'upload' },
  ]);
});

it('beside a service that works, what comes and goes meanwhile is no finding', async () => {
  const service = await makeBackupService();
  const { store, database } = service;
  let first = true;
  const meanwhile: Pick<ObjectStore, 'list' | 'head'> = {
    head: store.head,
    async *list(prefix, options) {
      if (first) {
        first = false;
        // The rows are those of a moment ago. A job ends, and another is deleted.
        await store.put('outputs/job_2/0b/0.png', Buffer.alloc(9), PNG);
        await database.pool.query(
          `insert into assets (id, owner, kind, key, bytes, media_type, job_id, position)
           values ('new', 'o', 'output', 'outputs/job_2/0b/0.png', 9, 'image/png', 'job_2', 0)`,
        );
        await database.pool.query(`delete from jobs where id = 'job_3'`);
        await store.delete(['outputs/job_3/0a/0.png']);
      }
      yield* store.list(prefix, options);
    },
  };
  expect(await verify(service, meanwhile)).toMatchObject({ findings: [], summary: { missing: 0, orphans: 0 } });
});

it('rows and objects are read side by side, however many there are', async () => {
  const service = await makeBackupService();
  const { store, database } = service;
  // Letters and signs whose order by bytes is not that of a dictionary.
  const names = ['a', 'B', '_', '-', '0', 'Z', 'z'].flatMap((a) => ['A', 'b', '9', '-', '_'].map((b) => `x${a}${b}x`));
  for (const name of names) {
    await store.put(`inputs/${name}`, Buffer.alloc(1), PNG);
    await database.pool.query(
      `insert into assets (id, owner, kind, key, bytes, media_type) values ($1, 'o', 'input', $2, 1, 'image/png')`,
      [name, `inputs/${name}`],
    );
  }
  await database.pool.query(`insert into assets (id, owner, kind, key, bytes, media_type)
    select 'many_' || n, 'o', 'input', 'inputs/many_' || n, 1, 'image/png' from generate_series(1, 1200) n`);
  const { summary, findings } = await verify(service);
  expect(summary).toMatchObject({ pictures: 4 + names.length + 1200, missing: 1200, orphans: 0 });
  expect(new Set(findings.map(({ key }) => key)).size).toBe(1200);
});
