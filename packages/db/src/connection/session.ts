import { randomBytes } from 'node:crypto';
import type pg from 'pg';

/** What connections to a database can be used for. It is found out by the first one. */
export interface Session {
  /** Statements may be prepared under a name, and stay known to the connection. */
  readonly named: boolean;
  /** Begins a transaction, with the time limits that a connection itself does not have. */
  readonly begin: string;
  /** A named statement was lost although it should not: none is named from now on. */
  forgetNames(): void;
}

/** What a database says of itself and of what stands between. */
export interface ConnectionFacts {
  /**
   * True if a pooler answers, which may give each transaction another connection of the server. What belongs to a session
   * (LISTEN, SET, locks of a session) then needs an address of its own.
   */
  readonly pooled: boolean;
  /** Statements are prepared under a name. */
  readonly namedStatements: boolean;
  readonly tls: boolean;
  /** The server's own limit on a statement outside of transactions, in milliseconds; 0 for none. */
  readonly statementTimeoutMs: number;
  readonly serverVersion: string;
}

/** A session and how it becomes known. */
export interface InspectedSession extends Session {
  /** Asks a new connection, unless it is known already. Rejects with what pg throws. */
  inspect(client: pg.ClientBase): Promise<ConnectionFacts>;
}

/** What a connection to the server itself can be used for. */
export const WHOLE_SESSION: Session = { named: true, begin: 'begin', forgetNames: () => undefined };

/**
 * The session of a database's connections. Until it is known, statements have no names, and nothing is taken for granted.
 * `limitMs` is the time that a statement may take, and that a transaction may idle.
 */
export function createSession({ limitMs }: { readonly limitMs: number }): InspectedSession {
  let facts: ConnectionFacts | undefined;
  let begin = 'begin';
  let named = false;

  return {
    get named() {
      return named;
    },
    get begin() {
      return begin;
    },
    forgetNames() {
      named = false;
    },
    async inspect(client) {
      if (facts !== undefined) return { ...facts, namedStatements: named };
      const found = await askServer(client);
      const namedStatements = !found.pooled || (await keepsNames(client));
      // Several connections may have been opened at once; what the first has learned stands.
      if (facts !== undefined) return facts;
      named = namedStatements;
      // SET LOCAL ends with the transaction: a plain SET would stay with whoever gets the server's connection next.
      if (found.pooled || found.statementTimeoutMs !== limitMs || found.idleTimeoutMs !== limitMs) {
        const limits = ['statement_timeout', 'idle_in_transaction_session_timeout'];
        begin = ['begin', ...limits.map((name) => `set local ${name} = ${limitMs}`)].join('; ');
      }
      facts = {
        pooled: found.pooled,
        namedStatements,
        tls: found.tls,
        statementTimeoutMs: found.statementTimeoutMs,
        serverVersion: found.serverVersion,
      };
      return facts;
    },
  };
}

interface Answer {
  readonly pid: number;
  readonly version: string;
  readonly statement_ms: number;
  readonly idle_ms: number;
}

async function askServer(client: pg.ClientBase) {
  const { rows } = await client.query<Answer>(`
    select pg_backend_pid() as pid, current_setting('server_version') as version,
      (select setting::int from pg_settings where name = 'statement_timeout') as statement_ms,
      (select setting::int from pg_settings where name = 'idle_in_transaction_session_timeout') as idle_ms`);
  const row = rows[0];
  return {
    // A server tells each client the id of the process that serves it, to cancel statements by. Whoever stands between and
    // shares the server's connections has to tell an id of its own.
    pooled: !('processID' in client) || client.processID !== row?.pid,
    tls: 'ssl' in client && client.ssl !== false,
    statementTimeoutMs: row?.statement_ms ?? 0,
    idleTimeoutMs: row?.idle_ms ?? 0,
    serverVersion: row?.version ?? '',
  };
}

/**
 * True if a pooler follows named statements from one connection of the server to the next. PgBouncer does since 1.21 if
 * max_prepared_statements is above 0. Its version is told to administrators only, but what follows statements has to give
 * them names of its own, because two clients may use one name for two texts. So a statement is asked for its own name. One
 * that keeps ours was passed on as it is: it would be unknown on the next connection of the server.
 */
async function keepsNames(client: pg.ClientBase): Promise<boolean> {
  // No other program may have given this name to a connection of the server before.
  const name = `qwen_edit_${randomBytes(8).toString('hex')}`;
  const text = `select name from pg_prepared_statements where statement like '%${name}%'`;
  await client.query('begin');
  try {
    const { rows } = await client.query<{ name: string }>({ name, text, values: [] });
    const kept = rows.some((row) => row.name === name);
    if (kept) await client.query(`deallocate ${name}`);
    await client.query('commit');
    return rows.length > 0 && !kept;
  } catch (thrown) {
    await client.query('rollback');
    // Poolers that refuse named statements altogether do so with different codes.
    if (thrown instanceof Error && 'severity' in thrown && thrown.severity === 'ERROR') return false;
    throw thrown;
  }
}
