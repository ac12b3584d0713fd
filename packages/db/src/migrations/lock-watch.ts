import { pause } from '@qwen-edit/async';
import type pg from 'pg';

/** A connection that holds what another one waits for. */
export interface Blocker {
  readonly pid: number;
  /** What it calls itself; '' where it does not, or where the database user may not see it. */
  readonly application: string;
  readonly user: string;
  /** As pg_stat_activity says it: `active`, `idle in transaction`. '' where the user may not see it. */
  readonly state: string;
  /** The first word of its statement, never more: the rest may hold prompts. */
  readonly command: string;
  /** How long its transaction has been open. */
  readonly seconds: number;
}

/** How far a statement is that the server reports on. */
export interface StatementProgress {
  readonly phase: string;
  /** 0 to 100; undefined in phases that have no measure. */
  readonly percent: number | undefined;
}

export interface LockWatch {
  /** Who was in the way when it was last looked. */
  readonly blockers: readonly Blocker[];
  stop(): Promise<void>;
}

export interface LockWatchOptions {
  /** Connections that are not those of the statement. */
  readonly pool: pg.Pool;
  /** The server's process that runs the statement. */
  readonly pid: number;
  readonly everyMs: number;
  /** Called after each look. Who is in the way, or, if nobody is, how far the statement is. */
  readonly onLook: (blockers: readonly Blocker[], progress: StatementProgress | undefined) => void;
}

/** Looks again and again at what a running statement waits for. A look that fails is no news: the statement itself goes on. */
export function watchLocks({ pool, pid, everyMs, onLook }: LockWatchOptions): LockWatch {
  const stopped = new AbortController();
  let blockers: readonly Blocker[] = [];
  const looking = look();
  return {
    get blockers() {
      return blockers;
    },
    async stop() {
      stopped.abort();
      await looking;
    },
  };

  async function look(): Promise<void> {
    await pause(everyMs, stopped.signal);
    while (!stopped.signal.aborted) {
      try {
        const found = await readBlockers(pool, pid);
        const progress = found.length > 0 ? undefined : await readProgress(pool, pid);
        if (found.length > 0) blockers = found;
        if (!stopped.signal.aborted) onLook(found, progress);
      } catch {
        // The next look may succeed.
      }
      await pause(everyMs, stopped.signal);
    }
  }
}

async function readBlockers(pool: pg.Pool, pid: number): Promise<readonly Blocker[]> {
  return blockersBy(pool, 'select unnest(pg_blocking_pids($1)) as pid', pid);
}

/** Who holds an advisory lock of this number. */
export async function readHolders(client: Pick<pg.Client, 'query'>, lock: number): Promise<readonly Blocker[]> {
  return blockersBy(
    client,
    `select pid from pg_locks where locktype = 'advisory' and granted and objsubid = 1
     and database = (select oid from pg_database where datname = current_database())
     and (classid::bigint << 32) + objid::bigint = $1`,
    lock,
  );
}

interface BlockerRow {
  readonly pid: number;
  readonly application: string | null;
  readonly user: string | null;
  readonly state: string | null;
  readonly command: string | null;
  readonly seconds: number | null;
}

async function blockersBy(
  client: Pick<pg.Client, 'query'>,
  pids: string,
  parameter: number,
): Promise<readonly Blocker[]> {
  const { rows } = await client.query<BlockerRow>(
    `select a.pid, a.application_name as application, a.usename::text as user, a.state,
       upper((regexp_match(a.query, '^(?:\\s|--[^\\n]*\\n)*([[:alpha:]]+)'))[1]) as command,
       round(extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start)))::int as seconds
     from pg_stat_activity a where a.pid in (${pids}) order by seconds desc nulls last`,
    [parameter],
  );
  return rows.map((row) => ({
    pid: row.pid,
    application: row.application ?? '',
    user: row.user ?? '',
    state: row.state ?? '',
    command: row.command ?? '',
    seconds: row.seconds ?? 0,
  }));
}

async function readProgress(pool: pg.Pool, pid: number): Promise<StatementProgress | undefined> {
  const { rows } = await pool.query<{ phase: string; done: number; total: number }>(
    `select phase, case when blocks_total > 0 then blocks_done else tuples_done end::float8 as done,
       case when blocks_total > 0 then blocks_total else tuples_total end::float8 as total
     from pg_stat_progress_create_index where pid = $1`,
    [pid],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  return { phase: row.phase, percent: row.total > 0 ? Math.floor((100 * row.done) / row.total) : undefined };
}

/** One of them in words, as `pid 4711 (psql of ann, idle in transaction, SELECT, open for 34 s)`. */
export function blockerText({ pid, application, user, state, command, seconds }: Blocker): string {
  const who = [application, user === '' ? '' : `of ${user}`].filter((word) => word !== '').join(' ');
  const facts = [who, state, command, `open for ${seconds} s`].filter((word) => word !== '');
  return `pid ${pid} (${facts.join(', ')})`;
}
