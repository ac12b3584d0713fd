import { type Database, migrateDatabase } from '@qwen-edit/db';
import { readFlags } from '../flag-values.ts';
import { TOOLS_HELP } from '../help.ts';
import type { Terminal } from '../terminal.ts';

export interface MigrateDeps {
  readonly terminal: Terminal;
  readonly withDatabase: <T>(work: (database: Database) => Promise<T>) => Promise<T>;
}

/** `qwen-edit migrate`: prints the migrations that were applied; none is success. */
export async function migrateCommand(args: readonly string[], { terminal, withDatabase }: MigrateDeps): Promise<void> {
  const { values } = readFlags(args, { help: { type: 'boolean', short: 'h' } });
  if (values.help === true) {
    terminal.out(TOOLS_HELP);
    return;
  }
  const applied = await withDatabase(migrateDatabase);
  terminal.out(applied.length === 0 ? 'The database is up to date.\n' : `Applied: ${applied.join(', ')}.\n`);
}
