import { copyFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { readArchive } from '../../apps/cli/src/backup/archive-reader.ts';
import { createArchiveWriter } from '../../apps/cli/src/backup/archive-writer.ts';
import { makeBackup } from '../../apps/cli/src/backup/make-backup.ts';
import { createDatabase, migrateDatabase, openSnapshot } from '../../packages/db/src/index.ts';
import { createStore, type ObjectStore } from '../../packages/storage/src/index.ts';
import { everyRow, makeBackupService, makeRestoreTarget } from './backup-places.ts';
import { emptyUrl } from './harness.ts';

const { signal } = new AbortController();

const textOf = async (store: ObjectStore, key: string): Promise<string | undefined> => {
  const found = await store.get(key);
  if (found === undefined) return undefined;
  return `${found.info.mediaType} ${Buffer.concat(await found.body.toArray()).toString()}`;
};

it('what is restored equals what was backed up, row by row in every table, and picture by picture', async () => {
  const { file, database, store, deps, folder } = await makeBackupService();
  const before = await everyRow(database);
  // A new table needs rows here, so that its way through a backup is tested.
  expect(Object.entries(before).filter(([, rows]) => rows.length === 0)).toEqual([]);
  const summary = await makeBackup(file, deps);
  expect(summary).toMatchObject({
    objects: 3,
    missing: { count: 0 },
    deleted_meanwhile: { count: 0 },
    changed: { count: 0 },
  });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).sort()).toEqual(['b.tar', 'objects', 'signing-secret']);

  const target = await makeRestoreTarget();
  await target.restore(file);
  expect(await everyRow(target.database)).toEqual(before);
  for (const key of ['inputs/asset_1', 'inputs/asset_2', 'outputs/job_3/0a/0.png'])
    expect(await textOf(target.store, key)).toBe(await textOf(store, key));
  expect(await readFile(join(target.folder, 'signing-secret'), 'utf8')).toBe('a'.repeat(64));
  // What the database numbers by itself goes on behind the restored rows.
  const [last] = (await target.database.pool.query('select max(id) as id from outbox')).rows;
  const [next] = (
    await target.database.pool.query(`insert into outbox (job_id, owner) values ('job_1', 'o') returning id`)
  ).rows;
  expect(Number(next.id)).toBeGreaterThan(Number(last.id));
});

it('rows that are committed, and pictures that are deleted, while a backup is made, do not make it inconsistent', async () => {
  const { file, database, store, deps } = await makeBackupService();
  const { pool } = database;
  const before = await everyRow(database);
  let first = true;
  const meddling = {
    async get(...args: Parameters<ObjectStore['get']>) {
      if (first) {
        first = false;
        // Rows are all read by now. A job comes, and another is deleted with its picture.
        await pool.query(`insert into jobs (id, owner, parameters, max_attempts) values ('job_5', 'o', '{}', 3)`);
        await pool.query(`delete from jobs where id = 'job_3'`);
        await store.delete(['outputs/job_3/0a/0.png']);
        // Nobody has to wait for the pictures to migrate.
        await pool.query('alter table jobs add column later text');
        await pool.query('alter table jobs drop column later');
      }
      return store.get(...args);
    },
  };
  const summary = await makeBackup(file, { ...deps, store: meddling });
  expect(summary).toMatchObject({
    objects: 2,
    deleted_meanwhile: { count: 1, keys: ['outputs/job_3/0a/0.png'] },
    missing: { count: 0 },
  });
  const target = await makeRestoreTarget();
  await target.restore(file);
  expect(await everyRow(target.database)).toEqual(before);
});

it('rows that are committed between the reading of two tables are in none of them, and a migration waits without locking a table', async () => {
  const { database } = await makeBackupService();
  const { pool } = database;
  const snapshot = await openSnapshot(database, { signal });
  await pool.query(`insert into jobs (id, owner, parameters, max_attempts) values ('job_5', 'o', '{}', 3)`);
  const blocked = Promise.withResolvers<string>();
  let migrated = false;
  const migration = migrateDatabase(database, { onEvent: ({ kind }) => blocked.resolve(kind) }).then(() => {
    migrated = true;
  });
  expect(await blocked.promise).toBe('blocked');
  const seen: string[] = [];
  for (const table of snapshot.tables) {
    await pool.query(`insert into job_events (job_id, seq, type) values ('job_5', ${seen.length + 1}, 'x')`);
    for await (const rows of snapshot.rowsOf(table)) seen.push(...rows);
  }
  expect(seen.length).toBeGreaterThan(1600);
  expect(seen.filter((row) => row.includes('job_5'))).toEqual([]);
  expect(migrated).toBe(false);
  await snapshot.close();
  await migration;
});

it('a picture that the storage lost, or that has changed there, is named and stops no backup; a wrong storage stops it', async () => {
  const { file, folder, store, deps } = await makeBackupService();
  await store.delete(['inputs/asset_1']);
  await store.put('inputs/asset_2', Buffer.from('other'), { mediaType: 'image/png' });
  const summary = await makeBackup(file, deps);
  expect(summary).toMatchObject({
    missing: { count: 1, keys: ['inputs/asset_1'] },
    changed: { count: 1, keys: ['inputs/asset_2'] },
  });
  const elsewhere = createStore(`file:${join(folder, 'elsewhere')}`);
  await elsewhere.check();
  await expect(makeBackup(file, { ...deps, store: elsewhere })).rejects.toMatchObject({ code: 'storage_unavailable' });
  // The one that was there stays.
  expect(await readArchive(file, {}, signal)).toMatchObject({ objects: 2 });
});

it('a read that fails ends the backup with its error, and leaves the former file and nothing else', async () => {
  const { file, folder, store, deps } = await makeBackupService();
  await writeFile(file, 'the former one');
  const failing = {
    async get(...args: Parameters<ObjectStore['get']>) {
      const found = await store.get(...args);
      found?.body.on('newListener', (event) => {
        if (event === 'readable' || event === 'data') found.body.destroy(new Error('EIO: the disk'));
      });
      return found;
    },
  };
  await expect(makeBackup(file, { ...deps, store: failing })).rejects.toThrow('EIO');
  expect(await readFile(file, 'utf8')).toBe('the former one');
  expect((await readdir(folder)).sort()).toEqual(['b.tar', 'objects', 'signing-secret']);
});

it('a file that is cut anywhere, or has any byte changed, is refused, and nothing of it is restored', async () => {
  const { file, folder, deps } = await makeBackupService();
  const { bytes } = await makeBackup(file, deps);
  const broken = join(folder, 'broken.tar');
  const refused = async (what: string): Promise<void> =>
    expect(readArchive(broken, {}, signal), what).rejects.toMatchObject({ code: 'backup_damaged' });
  const end = await endOfManifest(file);
  for (const at of [0, 1, 511, 512, 513, ...drawn(40, end)]) {
    await copyFile(file, broken);
    await truncate(broken, at);
    await refused(`cut at ${at}`);
  }
  const whole = await readFile(file);
  let changes = 0;
  for (const at of drawn(60, bytes)) {
    // Between members and at the end are zeros that nobody reads.
    if (whole[at] === 0) continue;
    const changed = Buffer.from(whole);
    changed[at] = whole[at]! ^ 1;
    await writeFile(broken, changed);
    const outcome = await readArchive(broken, {}, signal).then(
      () => 'whole',
      (error: { code: string }) => error.code,
    );
    // Of a member's owner, time and mode nothing depends on: tar's own checksum covers them.
    expect(outcome, `changed at ${at}`).toBe('backup_damaged');
    changes += 1;
  }
  expect(changes).toBeGreaterThan(20);

  const target = await makeRestoreTarget();
  await copyFile(file, broken);
  await truncate(broken, end - 10);
  await expect(target.restore(broken)).rejects.toMatchObject({ code: 'backup_damaged' });
  expect((await target.database.pool.query('select from jobs')).rowCount).toBe(0);
  await target.restore(file);
});

it('a backup of a later format or schema is refused by the version that it needs', async () => {
  const { folder, database, deps } = await makeBackupService();
  const target = await makeRestoreTarget();
  const later = async (change: object): Promise<string> => {
    const path = join(folder, 'later.tar');
    const writer = await createArchiveWriter(path);
    await writer.addText(
      'backup.json',
      JSON.stringify({ format: 1, version: '7.8.9', schema: '0000_init', ...change }),
    );
    await writer.finish(() => ({}));
    return path;
  };
  await expect(target.restore(await later({ format: 2 }))).rejects.toMatchObject({
    code: 'backup_too_new',
    hint: expect.stringContaining('7.8.9'),
  });
  const full = {
    created_at: '2026-01-01T00:00:00Z',
    server_version: '18',
    tables: [],
    table_bytes: 0,
    object_bytes: 0,
  };
  await expect(target.restore(await later({ ...full, schema: '9999_later' }))).rejects.toMatchObject({
    code: 'backup_too_new',
    message: expect.stringContaining('9999_later'),
    hint: expect.stringContaining('7.8.9'),
  });
  // Nor does this version make a backup of what it may not know whole.
  await database.pool.query(
    `insert into drizzle.__drizzle_migrations (hash, created_at, tag, version) values ('x', 9999999999999, '9999_later', '7.8.9')`,
  );
  await expect(makeBackup(join(folder, 'b.tar'), deps)).rejects.toMatchObject({
    code: 'migration_needed',
    hint: expect.stringContaining('7.8.9'),
  });
});

it('a backup of an older schema is restored, and brought to this one by the migrations in between', async () => {
  const { file, folder, deps } = await makeBackupService();
  const url = await emptyUrl();
  const old = createDatabase({ url });
  onTestFinished(() => old.close());
  await migrateDatabase(old, { until: '0003_webhook_lanes' });
  await old.pool.query(`insert into jobs (id, owner, parameters, max_attempts) values ('job_old', 'o', '{}', 3)`);
  await makeBackup(file, { ...deps, database: old, store: createStore(`file:${join(folder, 'none')}`) });
  const target = await makeRestoreTarget();
  await target.restore(file);
  expect((await target.database.pool.query('select id, needs_version from jobs')).rows).toEqual([
    { id: 'job_old', needs_version: 1 },
  ]);
});

it('a restore never replaces a service: a database with jobs, pictures or keys is refused', async () => {
  const { file, deps, database } = await makeBackupService();
  await makeBackup(file, deps);
  for (const rows of [
    `insert into jobs (id, owner, parameters, max_attempts) values ('mine', 'o', '{}', 3)`,
    `insert into assets (id, owner, kind, key, media_type) values ('mine', 'o', 'upload', 'uploads/mine', 'image/png')`,
    `insert into api_keys (id, owner, name, hash, scopes) values ('mine', 'o', 'n', 'h', '{}')`,
  ]) {
    const target = await makeRestoreTarget();
    await migrateDatabase(target.database);
    await target.database.pool.query(rows);
    const before = await everyRow(target.database);
    await expect(target.restore(file), rows).rejects.toMatchObject({ code: 'data_dir_not_empty' });
    expect(await everyRow(target.database)).toEqual(before);
  }
  // What an idle service leaves is in nobody's way.
  const target = await makeRestoreTarget();
  await migrateDatabase(target.database);
  await target.database.pool.query(`insert into workers (id, host, pid, device) values ('idle', 'h', 1, 'cpu')`);
  await target.restore(file);
  expect(await everyRow(target.database)).toEqual(await everyRow(database));
});

it('a restore is refused while a role uses the database', async () => {
  const { file, deps } = await makeBackupService();
  await makeBackup(file, deps);
  const target = await makeRestoreTarget();
  const role = createDatabase({ url: target.config.databaseUrl!, applicationName: 'qwen-edit dispatcher' });
  await role.check();
  await expect(target.restore(file)).rejects.toMatchObject({
    code: 'data_dir_locked',
    message: expect.stringContaining('dispatcher'),
  });
  await role.close();
});

it('two backups to one file do not mix: the second is refused', async () => {
  const { file, store, deps } = await makeBackupService();
  const inFirst = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const waiting = {
    async get(...args: Parameters<ObjectStore['get']>) {
      inFirst.resolve();
      await goOn.promise;
      return store.get(...args);
    },
  };
  const first = makeBackup(file, { ...deps, store: waiting });
  await inFirst.promise;
  await expect(makeBackup(file, deps)).rejects.toMatchObject({ code: 'output_unwritable' });
  goOn.resolve();
  await first;
  expect(await readArchive(file, {}, signal)).toMatchObject({ objects: 3 });
});

it('pictures and rows go through in small pieces, whatever their size', async () => {
  const { file, store, deps, database } = await makeBackupService();
  await database.pool.query(`insert into job_events (job_id, seq, type, data)
    select 'job_4', 1000 + s, 'x', jsonb_build_object('text', repeat('x', 2000)) from generate_series(1, 4000) s`);
  const bytes = 64 * 2 ** 20;
  let [ahead, most] = [0, 0];
  const large = {
    async get(...args: Parameters<ObjectStore['get']>) {
      const found = await store.get(...args);
      return found && { ...found, info: { ...found.info, bytes }, body: slowly() };
    },
  };
  /** Each piece waits until somebody has asked for it, so that what is asked ahead of the file can be counted. */
  function slowly() {
    return Readable.from(
      (async function* () {
        for (let sent = 0; sent < bytes; sent += 2 ** 16) {
          const written = (await stat(`${file}.part`)).size;
          ahead = sent - Math.max(0, written - start);
          most = Math.max(most, ahead);
          yield Buffer.alloc(2 ** 16);
        }
        start += bytes;
      })(),
      { objectMode: true, highWaterMark: 1 },
    );
  }
  let start = 0;
  await makeBackup(file, { ...deps, store: large });
  expect(most).toBeLessThan(4 * 2 ** 20);
  // Rows come in members of a megabyte and a row at most, which are read one by one.
  let widest = 0;
  const rows = async (_: string, lines: readonly string[]): Promise<void> => {
    widest = Math.max(widest, lines.join('').length);
  };
  await readArchive(file, { rows }, signal);
  expect(widest).toBeGreaterThan(2 ** 20);
  expect(widest).toBeLessThan(2 ** 20 + 2 ** 16);
});

function drawn(count: number, below: number): number[] {
  // The same places in each run.
  let x = 12345;
  return Array.from({ length: count }, () => {
    x = (x * 1103515245 + 12345) % 2 ** 31;
    return x % below;
  });
}

/** Where the text of the last member ends. */
async function endOfManifest(file: string): Promise<number> {
  const whole = await readFile(file);
  return whole.lastIndexOf('}') + 1;
}
