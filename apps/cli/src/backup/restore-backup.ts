import { chmod, open, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import {
  acquireDataDirLock,
  beginRestore,
  beginRestoreIn,
  createDatabase,
  type Database,
  isKnownMigration,
  startEmbeddedPostgres,
} from '@qwen-edit/db';
import { bytesText, freeBytes, hasSpace } from '@qwen-edit/files';
import { createStore, type ObjectStore } from '@qwen-edit/storage';
import { directUrlOf } from '../direct-url.ts';
import { s3Options, storageUrlOf } from '../roles/backends.ts';
import type { Config } from '../settings.ts';
import { readArchive, readArchiveHead } from './archive-reader.ts';
import { writeError } from './archive-writer.ts';
import { type BackupHead, type BackupManifest, SECRET } from './format.ts';

/** What the cluster takes without rows, with its log of changes. */
const CLUSTER_BYTES = 400_000_000;
/** Tables with their indexes, against tables alone. */
const WITH_INDEXES = 2;

/**
 * Restores a backup: into the data folder with a database of its own, or, if DATABASE_URL is set, into that database and the storage.
 * The file is read once, and checked on the way; nothing can be used before its last byte was found right. What fails leaves the
 * place as it was. A killed one leaves a mark in the folder (embedded), or nothing but objects that no row names, and is repeated.
 * Errors: `backup_damaged`, `backup_too_new`, `data_dir_not_empty`, `data_dir_locked`, `disk_full`, and those of database and storage.
 */
export async function restoreBackup(path: string, config: Config, signal: AbortSignal): Promise<BackupManifest> {
  const file = resolve(path);
  const head = await readUsableHead(file, signal);
  return config.databaseUrl === undefined
    ? restoreEmbedded(file, head, config, signal)
    : restoreTo(file, head, { config, databaseUrl: config.databaseUrl, signal });
}

/** The head of a backup. Throws AppError `backup_too_new` if this version does not know the schema of its rows. */
export async function readUsableHead(file: string, signal: AbortSignal): Promise<BackupHead> {
  const head = await readArchiveHead(file, signal);
  if (await isKnownMigration(head.schema)) return head;
  throw new AppError('backup_too_new', `${file} has the schema ${head.schema} of version ${head.version}.`, {
    hint: `Restore it with version ${head.version} or a later one.`,
  });
}

async function restoreEmbedded(
  file: string,
  head: BackupHead,
  config: Config,
  signal: AbortSignal,
): Promise<BackupManifest> {
  const { dataDir } = config;
  const lock = await acquireDataDirLock(dataDir);
  try {
    const mark = await beginRestoreIn(dataDir);
    try {
      await requireRoom(dataDir, CLUSTER_BYTES + WITH_INDEXES * head.table_bytes + objectBytesIn(config, head));
      const embedded = await startEmbeddedPostgres({ dataDir, signal, restoring: true });
      let manifest: BackupManifest;
      try {
        manifest = await restoreTo(file, head, { config, databaseUrl: embedded.url, signal });
      } finally {
        await embedded.stop();
      }
      await mark.finish();
      return manifest;
    } catch (thrown) {
      await mark.clear();
      throw thrown;
    }
  } finally {
    await lock.release();
  }
}

interface Target {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly signal: AbortSignal;
}

async function restoreTo(
  file: string,
  head: BackupHead,
  { config, databaseUrl, signal }: Target,
): Promise<BackupManifest> {
  const directUrl = databaseUrl === config.databaseUrl ? directUrlOf(config) : undefined;
  const database = createDatabase({ url: databaseUrl, directUrl, max: 2, applicationName: 'qwen-edit tool' });
  const store = createStore(storageUrlOf(config), { s3: s3Options(config) });
  try {
    await store.check(signal);
    return await pour(file, head, { database, store, dataDir: config.dataDir, signal });
  } finally {
    await store.close();
    await database.close();
  }
}

interface Places {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly dataDir: string;
  readonly signal: AbortSignal;
}

/** Objects come before the rows that name them can be seen: then they cannot be missing. */
async function pour(
  file: string,
  head: BackupHead,
  { database, store, dataDir, signal }: Places,
): Promise<BackupManifest> {
  const rows = await beginRestore(database, head.schema);
  try {
    let tables = new Map(head.tables.map((table) => [table.name, table]));
    const manifest = await readArchive(
      file,
      {
        // The file may have been replaced since its head was read.
        async head(again) {
          if (again.schema !== head.schema)
            throw new AppError('backup_damaged', `${file} was changed while it was read.`);
          tables = new Map(again.tables.map((table) => [table.name, table]));
        },
        async rows(name, lines) {
          const table = tables.get(name);
          if (table === undefined)
            throw new AppError('backup_damaged', `${file} has rows of a table that it does not name.`);
          await rows.insert(table, lines);
        },
        secret: (secret) => writeSecret(dataDir, secret),
        async object(key, body) {
          const mediaType = await rows.mediaTypeOf(key);
          if (mediaType === undefined) throw new AppError('backup_damaged', `${file} has a picture that no row names.`);
          await store.put(key, body, { mediaType, signal });
        },
      },
      signal,
    );
    await rows.commit();
    return manifest;
  } catch (thrown) {
    await rows.cancel();
    throw thrown;
  }
}

/** A secret that is there already is that of running APIs, and stays. */
async function writeSecret(dataDir: string, secret: string): Promise<void> {
  const path = join(dataDir, SECRET);
  if ((await readFile(path, 'utf8').catch(() => '')) !== '') return;
  try {
    const file = await open(path, 'w', 0o600);
    await file.writeFile(secret);
    await file.sync().finally(() => file.close());
    await chmod(path, 0o600);
  } catch (thrown) {
    throw writeError(path, thrown);
  }
}

/** Objects take room on this disk only if they come to the data folder. */
const objectBytesIn = ({ storageUrl }: Config, head: BackupHead): number =>
  storageUrl === undefined ? head.object_bytes : 0;

async function requireRoom(folder: string, needed: number): Promise<void> {
  const free = await freeBytes(resolve(folder));
  if (hasSpace(free, needed)) return;
  throw new AppError(
    'disk_full',
    `The restore takes about ${bytesText(needed)}; the disk of ${folder} has ${bytesText(free ?? 0)} left.`,
  );
}

/** Size of the backup's file in bytes. */
export async function sizeOf(file: string): Promise<number> {
  return (await stat(file)).size;
}
