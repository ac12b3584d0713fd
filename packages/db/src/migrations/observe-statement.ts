import { pause } from '@qwen-edit/async';
import type pg from 'pg';
import { LOCK_MODES, type LockMode, lockModeOf } from './lock-modes.ts';

/** What a statement does to one table that was there before it. */
export interface TableEffect {
  readonly table: string;
  /** Weakest first. */
  readonly locks: readonly LockMode[];
  /** The table's rows are written anew, to another file. */
  readonly rewrites: boolean;
  /** The whole table is read. */
  readonly reads: boolean;
}

interface TableState {
  readonly oid: number;
  readonly name: string;
  readonly file: string | null;
  readonly scans: number;
}

const TABLES = `
  select c.oid::bigint::float8 as oid, c.relname::text as name, pg_relation_filenode(c.oid)::text as file,
    pg_stat_get_xact_numscans(c.oid)::float8 as scans
  from pg_class c where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')`;
const LOCKS = `
  select relation::bigint::float8 as oid, array_agg(mode) as modes from pg_locks
  where pid = $1 and locktype = 'relation' and database = (select oid from pg_database where datname = current_database())
    and granted
  group by 1`;

/**
 * Runs a statement in a transaction on a database that nobody else uses, and tells what the server did for it: the locks that
 * pg_locks shows before the end, tables whose file is another one, and tables that were read from end to end.
 */
export async function observeStatement(client: pg.Client, statement: string): Promise<readonly TableEffect[]> {
  await client.query('begin');
  const before = await readTables(client);
  await client.query(statement);
  const after = await readTables(client);
  const locks = await readLocks(client, await pidOf(client));
  await client.query('commit');
  return before.flatMap((table): TableEffect[] => {
    const modes = locks.get(table.oid) ?? [];
    if (modes.length === 0) return [];
    const now = after.find(({ oid }) => oid === table.oid);
    return [
      {
        table: table.name,
        locks: modes,
        rewrites: now !== undefined && now.file !== table.file,
        reads: now !== undefined && now.scans > table.scans,
      },
    ];
  });
}

const LOOK_MS = 20;

/**
 * The same for a statement that must be outside of a transaction and waits for whoever writes its table: `other` writes all
 * tables, so to speak, until the locks of the waiting statement were read.
 */
export async function observeConcurrently(
  client: pg.Client,
  other: pg.Client,
  statement: string,
): Promise<readonly TableEffect[]> {
  const tables = await readTables(client);
  const pid = await pidOf(client);
  await other.query('begin');
  const names = tables.map(({ name }) => `public."${name}"`);
  if (names.length > 0) await other.query(`lock table ${names.join(', ')} in row exclusive mode`);
  let ended = false;
  const running = client.query(statement).finally(() => {
    ended = true;
  });
  running.catch(() => undefined);
  let locks = new Map<number, readonly LockMode[]>();
  while (!ended) {
    const { rows } = await other.query<{ waits: boolean }>('select cardinality(pg_blocking_pids($1)) > 0 as waits', [
      pid,
    ]);
    locks = await readLocks(other, pid);
    if (rows[0]?.waits === true) break;
    await pause(LOOK_MS);
  }
  await other.query('commit');
  await running;
  return tables.flatMap(({ oid, name }): TableEffect[] => {
    const modes = locks.get(oid) ?? [];
    // An index is built by reading the table twice; dropping one reads nothing.
    return modes.length === 0
      ? []
      : [{ table: name, locks: modes, rewrites: false, reads: /^\s*create\b/im.test(statement) }];
  });
}

async function readTables(client: pg.Client): Promise<readonly TableState[]> {
  return (await client.query<TableState>(TABLES)).rows;
}

async function readLocks(client: pg.Client, pid: number): Promise<Map<number, readonly LockMode[]>> {
  const { rows } = await client.query<{ oid: number; modes: readonly string[] }>(LOCKS, [pid]);
  return new Map(
    rows.map(({ oid, modes }) => {
      const held = modes.map(lockModeOf);
      return [oid, LOCK_MODES.filter((mode) => held.includes(mode))] as const;
    }),
  );
}

async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}
