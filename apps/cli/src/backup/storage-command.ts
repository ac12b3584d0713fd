import { AppError } from '@qwen-edit/contract';
import { bytesText } from '@qwen-edit/files';
import { createStore } from '@qwen-edit/storage';
import { readFlags } from '../flag-values.ts';
import { STORAGE_HELP } from '../help.ts';
import { s3Options, storageUrlOf } from '../roles/backends.ts';
import { withDatabase } from '../tools/with-database.ts';
import type { BackupCommandDeps } from './backup-command.ts';
import { type StorageFinding, verifyStorage } from './verify-storage.ts';

const OPTIONS = {
  'data-dir': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `qwen-edit storage verify`: 0 if every picture that a row names is there, else 1. */
export async function storageCommand(
  args: readonly string[],
  { terminal, signal, configOf }: Omit<BackupCommandDeps, 'version'>,
): Promise<number> {
  const { values, words } = readFlags(args, OPTIONS, 1);
  if (values.help === true) {
    terminal.out(STORAGE_HELP);
    return 0;
  }
  if (words[0] !== 'verify') throw new AppError('usage', 'qwen-edit storage needs the word verify.');
  const dataDir = values['data-dir'];
  const config = configOf(dataDir === undefined ? {} : { QWEN_EDIT_DATA_DIR: dataDir });
  const json = values.json === true;
  const store = createStore(storageUrlOf(config), { s3: s3Options(config) });
  try {
    const onFinding = (finding: StorageFinding): void =>
      terminal.out(json ? `${JSON.stringify(finding)}\n` : lineOf(finding));
    const found = await withDatabase(
      config,
      signal,
      (database) => verifyStorage({ database, store, signal, onFinding }),
      { migrates: false, creates: false },
    );
    const text = `${found.pictures} pictures: ${found.missing} are missing, ${found.changed} have another size; ${found.orphans} objects (${bytesText(found.orphan_bytes)}) belong to no row.`;
    terminal.out(json ? `${JSON.stringify(found)}\n` : `${text}\n`);
    return found.missing + found.changed === 0 ? 0 : 1;
  } finally {
    await store.close();
  }
}

function lineOf({ problem, kind, key, jobs }: StorageFinding): string {
  const of = jobs.map(({ id, status }) => `${id} (${status})`).join(', ');
  return `${problem}  ${kind} ${key}${of === '' ? '' : `, of ${of}`}\n`;
}
