import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { BackupDeps } from '../../apps/cli/src/backup/make-backup.ts';
import { restoreBackup } from '../../apps/cli/src/backup/restore-backup.ts';
import { readConfig } from '../../apps/cli/src/config.ts';
import { createDatabase, type Database } from '../../packages/db/src/index.ts';
import { createStore, type ObjectStore } from '../../packages/storage/src/index.ts';
import { emptyUrl, freshDatabase } from './harness.ts';

const { signal } = new AbortController();

interface BackupService {
  readonly folder: string;
  readonly database: Database;
  readonly store: ObjectStore;
  readonly file: string;
  readonly deps: BackupDeps;
}

/** The database, storage and secret of a service, with a row in every table. */
export async function makeBackupService(bytes?: number): Promise<BackupService> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const database = await freshDatabase();
  const store = createStore(`file:${join(folder, 'objects')}`);
  await fillForBackup(database, store, bytes);
  await writeFile(join(folder, 'signing-secret'), 'a'.repeat(64));
  const deps = { database, store, dataDir: folder, version: '9.9.9', signal };
  return { folder, database, store, file: join(folder, 'b.tar'), deps };
}

/** Another place, with nothing in it. */
export async function makeRestoreTarget() {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const url = await emptyUrl();
  const config = readConfig({
    DATABASE_URL: url,
    STORAGE_URL: `file:${join(folder, 'objects')}`,
    QWEN_EDIT_DATA_DIR: folder,
  });
  const database = createDatabase({ url });
  onTestFinished(() => database.close());
  const store = createStore(`file:${join(folder, 'objects')}`);
  return { folder, config, database, store, restore: (file: string) => restoreBackup(file, config, signal) };
}

const KEYS = ['inputs/asset_1', 'inputs/asset_2', 'outputs/job_3/0a/0.png'] as const;

/** Rows in every table, with values that copies like to lose: microseconds, numbers beyond doubles, nulls, quotes, other alphabets. */
const ROWS = [
  `insert into jobs (id, owner, status, parameters, metadata, webhook_url, webhook_secret, max_attempts, failures, failed_on,
     lost_leases, lease_token, lease_expires_at, worker_id, completed_at, created_at, receipt, error, warnings) values
   ('job_1', 'o', 'queued', '{"prompt":"a\\n\\"b\\" \\\\ \u{1f4f7} 照片", "n": 123456789012345678901234567890.125}', '{"k":"v"}', null, null, 3, 0,
     '{}', '{}', null, null, null, null, '2026-01-02 03:04:05.123456+00', null, null, '[]'),
   ('job_2', 'o', 'running', '{}', '{}', 'https://e.x/', 'whsec_x', 3, 1, array['w "1"', 'NULL', ''], array['t'], 'token',
     '2026-01-02 03:04:05.000001+07', 'w2', null, now(), null, null, '[]'),
   ('job_3', 'p', 'succeeded', '{}', '{}', null, null, 3, 0, '{}', '{}', null, null, null, now(), now(), '{"a":[1,2.50]}', null, '["w"]'),
   ('job_4', 'p', 'failed', '{}', '{}', null, null, 3, 3, '{}', '{}', null, null, null, now(), now(), null, '{"code":"x"}', '[]')`,
  `insert into assets (id, owner, kind, key, sha256, bytes, media_type, job_id, position) values
   ('asset_1', 'o', 'input', '${KEYS[0]}', null, null, 'image/png', null, null),
   ('asset_2', 'o', 'input', '${KEYS[1]}', null, null, 'image/webp', null, null),
   ('asset_3', 'p', 'output', '${KEYS[2]}', null, null, 'image/png', 'job_3', 0),
   ('asset_4', 'p', 'upload', 'uploads/asset_4', null, null, 'image/png', null, null)`,
  `insert into job_inputs (job_id, position, asset_id) values ('job_1', 0, 'asset_1'), ('job_1', 1, 'asset_2'), ('job_2', 0, 'asset_2')`,
  `insert into job_events (job_id, seq, type, data) select 'job_' || n, s, 'job.queued', jsonb_build_object('s', s)
   from generate_series(1, 4) n, generate_series(1, 400) s`,
  `insert into outbox (job_id, owner) values ('job_1', 'o'), ('job_2', 'o')`,
  `insert into workers (id, host, pid, device, ready) values ('w2', 'h', 7, 'cpu', true)`,
  `insert into idempotency_keys (owner, key, token, locked_until, request_hash, job_id) values ('o', 'k', 't', now(), 'h', 'job_1')`,
  `insert into webhook_deliveries (id, job_id, event_seq, event_type, url, status, log, completed_at) values
   ('wh_1', 'job_3', 9, 'job.succeeded', 'https://e.x/', 'delivered', '[{"status":200}]', now()),
   ('wh_2', 'job_4', 9, 'job.failed', 'https://e.x/', 'pending', '[]', null)`,
  `insert into webhook_receivers (owner, receiver, failures, slow) values ('o', 'e.x', 2, true)`,
  `insert into object_deletions (key, next_attempt_at, error) values ('inputs/gone', 'infinity', 'no')`,
  `insert into api_keys (id, owner, name, hash, scopes) values ('key_1', 'o', 'n', 'h', array['submit','read'])`,
  `insert into sessions (hash, key_id, expires_at) values ('s', 'key_1', now())`,
  `insert into unused_assets (asset_id, owner, bytes) values ('asset_4', 'p', 9007199254740991)`,
];

/** Fills a migrated, empty database, and puts the pictures that it names: `bytes` of each. */
async function fillForBackup({ pool }: Database, store: ObjectStore, bytes = 2000): Promise<void> {
  for (const statement of ROWS) await pool.query(statement);
  for (const [n, key] of KEYS.entries()) {
    const { etag } = await store.put(key, Buffer.alloc(bytes + n, key), {
      mediaType: n === 1 ? 'image/webp' : 'image/png',
    });
    await pool.query('update assets set sha256 = $2, bytes = $3 where key = $1', [key, etag.slice(1, -1), bytes + n]);
  }
}

/** Every row of every table as the database itself writes it, by the name of the table. */
export async function everyRow({ pool }: Database): Promise<Readonly<Record<string, readonly string[]>>> {
  const tables = await pool.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname`,
  );
  const all: Record<string, readonly string[]> = {};
  for (const { name } of tables.rows) {
    const { rows } = await pool.query<{ row: string }>(`select t::text as row from "${name}" t order by t::text`);
    all[name] = rows.map(({ row }) => row);
  }
  return all;
}
