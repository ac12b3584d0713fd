import { resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { bytesText } from '@qwen-edit/files';
import { createStore } from '@qwen-edit/storage';
import type { Overrides } from '../config.ts';
import { readFlags } from '../flag-values.ts';
import { BACKUP_HELP } from '../help.ts';
import { s3Options, storageUrlOf } from '../roles/backends.ts';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { withDatabase } from '../tools/with-database.ts';
import { readArchive } from './archive-reader.ts';
import type { BackupManifest } from './format.ts';
import { makeBackup } from './make-backup.ts';
import { readUsableHead, restoreBackup, sizeOf } from './restore-backup.ts';

export interface BackupCommandDeps {
  readonly terminal: Terminal;
  readonly version: string;
  readonly signal: AbortSignal;
  readonly configOf: (overrides: Overrides) => Config;
}

const OPTIONS = {
  'data-dir': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `qwen-edit backup FILE`: prints what it holds, and what is not in it. */
export async function backupCommand(args: readonly string[], deps: BackupCommandDeps): Promise<void> {
  const { terminal, version, signal } = deps;
  const { values, words } = readFlags(args, OPTIONS, 1);
  if (values.help === true) return terminal.out(BACKUP_HELP);
  const file = fileOf(words, 'backup');
  const config = configOf(values['data-dir'], deps);
  const store = createStore(storageUrlOf(config), { s3: s3Options(config) });
  try {
    const summary = await withDatabase(
      config,
      signal,
      (database) => makeBackup(file, { database, store, dataDir: config.dataDir, version, signal }),
      { migrates: false, creates: false },
    );
    terminal.out(values.json === true ? `${JSON.stringify(summary)}\n` : textOf(file, 'holds', summary.bytes, summary));
  } finally {
    await store.close();
  }
}

/** `qwen-edit restore FILE`, and with `--check` only a look at every byte of it. */
export async function restoreCommand(args: readonly string[], deps: BackupCommandDeps): Promise<void> {
  const { terminal, signal } = deps;
  const { values, words } = readFlags(args, { ...OPTIONS, check: { type: 'boolean' } }, 1);
  if (values.help === true) return terminal.out(BACKUP_HELP);
  const file = fileOf(words, 'restore');
  const manifest =
    values.check === true
      ? await check(file, signal)
      : await restoreBackup(file, configOf(values['data-dir'], deps), signal);
  const bytes = await sizeOf(file);
  const verb = values.check === true ? 'is whole, and holds' : 'was restored:';
  terminal.out(
    values.json === true
      ? `${JSON.stringify({ file: resolve(file), bytes, ...manifest })}\n`
      : textOf(file, verb, bytes, manifest),
  );
}

async function check(file: string, signal: AbortSignal): Promise<BackupManifest> {
  await readUsableHead(resolve(file), signal);
  return readArchive(resolve(file), {}, signal);
}

function fileOf([file]: readonly string[], command: string): string {
  if (file === undefined || file === '') throw new AppError('usage', `qwen-edit ${command} needs the name of a file.`);
  return file;
}

function configOf(dataDir: string | undefined, { configOf: read }: BackupCommandDeps): Config {
  return read(dataDir === undefined ? {} : { QWEN_EDIT_DATA_DIR: dataDir });
}

function textOf(file: string, verb: string, bytes: number, manifest: BackupManifest): string {
  const rows = Object.values(manifest.rows).reduce((sum, count) => sum + count, 0);
  const { jobs = 0 } = manifest.rows;
  const lines = [
    `${file} (${bytesText(bytes)}) ${verb} ${jobs} jobs, ${rows} rows in all, ${manifest.objects} pictures (${bytesText(manifest.object_bytes)}).`,
    ...told(manifest.deleted_meanwhile, 'were deleted while the backup was made, and are not in it'),
    ...told(
      manifest.missing,
      'are missing in the storage, and so in the backup: `qwen-edit storage verify` lists their jobs',
    ),
    ...told(manifest.changed, 'are not what their rows say'),
  ];
  return `${lines.join('\n')}\n`;
}

function told({ count, keys }: BackupManifest['missing'], what: string): string[] {
  if (count === 0) return [];
  return [`${count} pictures ${what}:`, ...keys.map((key) => `  ${key}`), ...(count > keys.length ? ['  …'] : [])];
}
