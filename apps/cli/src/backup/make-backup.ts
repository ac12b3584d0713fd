import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { type BackupTable, type Database, type DatabaseSnapshot, openSnapshot, unknownKeys } from '@qwen-edit/db';
import { bytesText, freeBytes, hasSpace, takeLock } from '@qwen-edit/files';
import type { ObjectStore } from '@qwen-edit/storage';
import { type ArchiveWriter, createArchiveWriter, writeError } from './archive-writer.ts';
import { type BackupHead, type BackupManifest, FORMAT, HEAD, OBJECTS, SECRET, TABLES } from './format.ts';
import { createKeySpool, type KeySpool, type NamedObject } from './key-spool.ts';

export interface BackupDeps {
  readonly database: Database;
  readonly store: Pick<ObjectStore, 'get'>;
  readonly dataDir: string;
  readonly version: string;
  readonly signal: AbortSignal;
}

export type BackupSummary = BackupManifest & { readonly file: string; readonly bytes: number };

/** A member of rows is closed when it has so many characters. */
const MEMBER_CHARACTERS = 2 ** 20;
/** How many keys a manifest names of each kind of trouble. */
const NAMED = 100;
const LOCK = { beatMs: 2_000, deadMs: 60_000 };

type Trouble = Record<'deleted_meanwhile' | 'missing' | 'changed', { count: number; keys: string[] }>;

/**
 * Writes a backup: every row as of one moment, then the pictures that these rows name. The service may run meanwhile. The file has its
 * name only when it is whole and on the disk; what it replaces stays until then. Errors: those of the database and the storage,
 * `disk_full`, `output_unwritable`, `canceled`.
 */
export async function makeBackup(path: string, deps: BackupDeps): Promise<BackupSummary> {
  const file = resolve(path);
  const folder = await stat(dirname(file)).catch(() => undefined);
  if (folder?.isDirectory() !== true) {
    throw new AppError('output_unwritable', `${dirname(file)} is no folder, so that ${file} cannot be written.`);
  }
  const busy = (): AppError => new AppError('output_unwritable', `Another backup is being written to ${file}.`);
  const lock = await takeLock(`${file}.lock`, {
    timing: LOCK,
    signal: deps.signal,
    onWait: () => undefined,
    busy,
  }).catch((thrown: unknown) => {
    throw writeError(file, thrown);
  });
  try {
    const archive = await createArchiveWriter(file);
    try {
      return { file, ...(await fill(archive, file, deps)) };
    } catch (thrown) {
      await archive.discard();
      throw thrown;
    }
  } finally {
    await lock.release();
  }
}

async function fill(
  archive: ArchiveWriter,
  file: string,
  deps: BackupDeps,
): Promise<BackupManifest & { readonly bytes: number }> {
  const spool = await createKeySpool(`${file}.keys`).catch((thrown: unknown) => {
    throw writeError(`${file}.keys`, thrown);
  });
  try {
    const snapshot = await openSnapshot(deps.database, deps);
    let rows: Record<string, number>;
    try {
      await requireRoom(file, snapshot);
      rows = await addRows(archive, snapshot, spool, deps);
    } finally {
      // Pictures take long, and the snapshot holds up migrations.
      await snapshot.close();
    }
    const secret = await readFile(join(deps.dataDir, SECRET), 'utf8').catch(() => undefined);
    if (secret !== undefined) await archive.addText(SECRET, secret);
    const facts = { rows, ...(await addObjects(archive, spool, deps)) };
    let manifest: BackupManifest | undefined;
    const bytes = await archive.finish((checksums) => {
      manifest = { ...facts, checksums };
      return manifest;
    });
    return { ...facts, checksums: manifest?.checksums ?? '', bytes };
  } finally {
    await spool.close();
  }
}

async function requireRoom(file: string, { tableBytes, objectBytes }: DatabaseSnapshot): Promise<void> {
  const [free, needed] = [await freeBytes(dirname(file)), tableBytes + objectBytes];
  if (hasSpace(free, needed)) return;
  throw new AppError(
    'disk_full',
    `The backup takes about ${bytesText(needed)}; the disk of ${file} has ${bytesText(free ?? 0)} left.`,
  );
}

async function addRows(
  archive: ArchiveWriter,
  snapshot: DatabaseSnapshot,
  spool: KeySpool,
  { version, signal }: BackupDeps,
): Promise<Record<string, number>> {
  const head: BackupHead = {
    format: FORMAT,
    version,
    schema: snapshot.schema,
    created_at: new Date().toISOString(),
    server_version: snapshot.serverVersion,
    tables: snapshot.tables.map(({ name, columns }) => ({ name, columns: [...columns] })),
    table_bytes: snapshot.tableBytes,
    object_bytes: snapshot.objectBytes,
  };
  await archive.addText(HEAD, `${JSON.stringify(head, undefined, 2)}\n`);
  const counts: Record<string, number> = {};
  for (const table of snapshot.tables) {
    counts[table.name] = await addTable(archive, table, rowsOf(table));
  }
  return counts;

  async function* rowsOf(table: BackupTable): AsyncGenerator<string> {
    for await (const rows of snapshot.rowsOf(table)) {
      throwIfCanceled(signal);
      for (const row of rows) {
        if (table.name === 'assets') await spool.add(row);
        yield row;
      }
    }
  }
}

async function addTable(archive: ArchiveWriter, { name }: BackupTable, rows: AsyncIterable<string>): Promise<number> {
  let [count, members, length] = [0, 0, 0];
  let lines: string[] = [];
  const close = async (): Promise<void> => {
    const member = `${TABLES}${name}/${String(members++).padStart(6, '0')}.ndjson`;
    await archive.addText(member, `${lines.join('\n')}\n`);
    [lines, length] = [[], 0];
  };
  for await (const row of rows) {
    count += 1;
    lines.push(row);
    length += row.length;
    if (length >= MEMBER_CHARACTERS) await close();
  }
  if (lines.length > 0) await close();
  return count;
}

async function addObjects(
  archive: ArchiveWriter,
  spool: KeySpool,
  { database, store, signal }: BackupDeps,
): Promise<Trouble & Pick<BackupManifest, 'objects' | 'object_bytes'>> {
  const found = { objects: 0, object_bytes: 0 };
  const trouble: Trouble = { deleted_meanwhile: none(), missing: none(), changed: none() };
  const note = (what: keyof Trouble, key: string): void => {
    trouble[what].count += 1;
    if (trouble[what].keys.length < NAMED) trouble[what].keys.push(key);
  };
  for await (const named of spool.read()) {
    throwIfCanceled(signal);
    const added = await addObject(archive, store, named, signal);
    if (added !== undefined) {
      found.objects += 1;
      found.object_bytes += added.bytes;
      if (named.sha256 !== null && named.sha256 !== added.sha256) note('changed', named.key);
    } else if ((await unknownKeys(database.db, [named.key])).length > 0) note('deleted_meanwhile', named.key);
    else if (named.bytes !== null) note('missing', named.key);
  }
  if (found.objects === 0 && trouble.missing.count > 0) {
    throw new AppError(
      'storage_unavailable',
      `None of the ${trouble.missing.count} stored pictures is in the storage.`,
      {
        hint: 'Check STORAGE_URL: it has to be that of the service.',
      },
    );
  }
  return { ...found, ...trouble };
}

async function addObject(
  archive: ArchiveWriter,
  store: BackupDeps['store'],
  { key }: NamedObject,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly sha256: string } | undefined> {
  const object = await store.get(key, { signal });
  if (object === undefined) return undefined;
  const { bytes } = object.info;
  try {
    return { bytes, sha256: await archive.add(`${OBJECTS}${key}`, bytes, object.body) };
  } finally {
    object.body.destroy();
  }
}

const none = (): { count: number; keys: string[] } => ({ count: 0, keys: [] });

function throwIfCanceled(signal: AbortSignal): void {
  if (signal.aborted) throw new AppError('canceled', 'The backup was cancelled.');
}
