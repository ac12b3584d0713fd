import type pg from 'pg';
import {
  type ApplyContext,
  lacksLock,
  migrationFailure,
  noteMigration,
  type OutsideTransaction,
  type StepOutcome,
  watchStatements,
} from './apply-migration.ts';
import { concurrentIndexOf } from './migration-files.ts';

/**
 * A migration that is marked `-- concurrently`, on a connection that holds the advisory lock of its session. Statements run one
 * by one; those that a run before has finished are passed over, and an index that it left unfinished is dropped and built again.
 */
export async function buildConcurrently(
  context: ApplyContext,
  { migration, content }: OutsideTransaction,
): Promise<StepOutcome> {
  const { client } = context;
  const { tag } = migration;
  const started = performance.now();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const watch = watchStatements(context, rows[0]?.pid ?? 0, true);
  try {
    // It waits for whoever writes, and nobody waits for it.
    await client.query(`set lock_timeout = ${Math.max(1, context.lockTimeoutMs, context.leftMs())}`);
    for (const [n, statement] of content.statements.entries()) {
      watch.at(tag, n + 1, content.statements.length);
      const { action, index } = concurrentIndexOf(tag, statement);
      const state = await indexState(client, index);
      if (action === 'create' && state === 'unfinished') {
        context.onEvent({ kind: 'unfinished_index', migration: tag, index });
        await dropIndex(client, index);
      }
      const done = action === 'create' ? state === 'valid' : state === 'none';
      if (!done) await client.query(statement);
    }
    await noteMigration(client, migration, content);
    return { kind: 'applied', migration: tag, ms: Math.round(performance.now() - started) };
  } catch (thrown) {
    if (lacksLock(thrown)) return { kind: 'blocked', migration: tag, blockers: watch.blockers() };
    await dropUnfinished(context, content.statements, tag);
    throw migrationFailure(tag, watch.statement(), thrown);
  } finally {
    await watch.stop();
    await client.query('set lock_timeout = 0').catch(() => undefined);
  }
}

/** One that is unfinished slows writes down, and a unique one refuses them. If it cannot be dropped now, the next run does. */
async function dropUnfinished({ client, lockTimeoutMs }: ApplyContext, statements: readonly string[], tag: string) {
  try {
    await client.query(`set lock_timeout = ${Math.max(1, Math.round(lockTimeoutMs))}`);
    for (const statement of statements) {
      const { action, index } = concurrentIndexOf(tag, statement);
      if (action === 'create' && (await indexState(client, index)) === 'unfinished') await dropIndex(client, index);
    }
  } catch {
    // What has failed before is what has to be told.
  }
}

async function dropIndex(client: pg.Client, index: string): Promise<void> {
  await client.query(`drop index concurrently if exists public."${index}"`);
}

async function indexState(client: pg.Client, index: string): Promise<'none' | 'valid' | 'unfinished'> {
  const { rows } = await client.query<{ valid: boolean }>(
    'select indisvalid and indisready as valid from pg_index where indexrelid = to_regclass($1)',
    [`public."${index}"`],
  );
  const [row] = rows;
  if (row === undefined) return 'none';
  return row.valid ? 'valid' : 'unfinished';
}
