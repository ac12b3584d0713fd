import { type Database, laterSchemaText, migrateDatabase, requireMigrated } from '@qwen-edit/db';
import { readFlags } from '../flag-values.ts';
import { TOOLS_HELP } from '../help.ts';
import type { Terminal } from '../terminal.ts';

export interface MigrateDeps {
  readonly terminal: Terminal;
  readonly withDatabase: <T>(work: (database: Database) => Promise<T>) => Promise<T>;
}

/**
 * `qwen-edit migrate`: prints the migrations that were applied; none is success. Fails with `migration_needed` if a later
 * version has made the database one that this version must not use.
 */
export async function migrateCommand(args: readonly string[], { terminal, withDatabase }: MigrateDeps): Promise<void> {
  const { values } = readFlags(args, { help: { type: 'boolean', short: 'h' } });
  if (values.help === true) {
    terminal.out(TOOLS_HELP);
    return;
  }
  const { applied, state } = await withDatabase(async (database) => ({
    applied: await migrateDatabase(database),
    state: await requireMigrated(database),
  }));
  if (applied.length > 0) terminal.out(`Applied: ${applied.join(', ')}.\n`);
  if (state.later !== undefined) terminal.out(`${laterSchemaText(state)} It may be used by this one.\n`);
  else if (applied.length === 0) terminal.out(`The database is up to date (${state.known}).\n`);
}
