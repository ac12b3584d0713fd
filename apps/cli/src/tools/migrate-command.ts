import { AppError } from '@qwen-edit/contract';
import {
  type Database,
  hindrancesOf,
  laterSchemaText,
  migrateDatabase,
  planMigrations,
  requireMigrated,
} from '@qwen-edit/db';
import { readFlags } from '../flag-values.ts';
import { MIGRATE_HELP } from '../help.ts';
import { decimalNumber } from '../numbers.ts';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { migrateEventText } from './migrate-events.ts';
import { migrationPlanJson, migrationPlanText } from './migrate-plan-text.ts';

export interface MigrateDeps {
  readonly terminal: Terminal;
  readonly config: Pick<Config, 'migrateLockMs' | 'migrateWaitMs'>;
  readonly signal: AbortSignal;
  readonly withDatabase: <T>(work: (database: Database) => Promise<T>) => Promise<T>;
}

/**
 * `qwen-edit migrate`: prints the migrations that were applied; none is success. Fails with `migration_needed` if a later
 * version has made the database one that this version must not use. With --plan it changes nothing, and returns 1 if a statement
 * would hold the service up.
 */
export async function migrateCommand(args: readonly string[], deps: MigrateDeps): Promise<number> {
  const { terminal, config, signal, withDatabase } = deps;
  const { values } = readFlags(args, {
    plan: { type: 'boolean' },
    'lock-timeout': { type: 'string' },
    wait: { type: 'string' },
    shared: { type: 'boolean' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help === true) {
    terminal.out(MIGRATE_HELP);
    return 0;
  }
  const lockTimeoutMs = milliseconds('--lock-timeout', values['lock-timeout'], 0.01, 60) ?? config.migrateLockMs;
  const waitMs = milliseconds('--wait', values.wait, 0, 86_400) ?? config.migrateWaitMs;
  const { shared = false, json = false } = values;
  if (values.plan === true) {
    const plan = await withDatabase((database) => planMigrations(database, { shared }));
    terminal.out(json ? migrationPlanJson(plan) : migrationPlanText(plan));
    return hindrancesOf(plan).length > 0 || plan.later?.usable === false ? 1 : 0;
  }
  const { applied, state } = await withDatabase(async (database) => ({
    applied: await migrateDatabase(database, {
      ...{ lockTimeoutMs, waitMs, shared, signal },
      onEvent: (event) => terminal.err(`${migrateEventText(event)}\n`),
    }),
    state: await requireMigrated(database),
  }));
  if (json) {
    const later =
      state.later === undefined ? null : { tag: state.later.tag ?? null, version: state.later.version ?? null };
    terminal.out(`${JSON.stringify({ applied, known: state.known, later })}\n`);
    return 0;
  }
  if (applied.length > 0) terminal.out(`Applied: ${applied.join(', ')}.\n`);
  if (state.later !== undefined) terminal.out(`${laterSchemaText(state)} It may be used by this one.\n`);
  else if (applied.length === 0) terminal.out(`The database is up to date (${state.known}).\n`);
  return 0;
}

/** Seconds of a flag in milliseconds. */
function milliseconds(flag: string, text: string | undefined, min: number, max: number): number | undefined {
  const seconds = decimalNumber(flag, text);
  if (seconds === undefined) return undefined;
  if (seconds < min || seconds > max) {
    throw new AppError('usage', `${flag} must lie between ${min} and ${max} seconds, got '${text}'.`);
  }
  return Math.round(seconds * 1000);
}
