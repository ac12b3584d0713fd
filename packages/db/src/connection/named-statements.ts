import { createHash } from 'node:crypto';
import type pg from 'pg';
import { sqlState } from './database-error.ts';
import type { Session } from './session.ts';

/** At most so many texts get a name: the server keeps each on each connection. Ours are some sixty. */
const MOST = 200;
const names = new Map<string, string>();
/** What a server says of a name that another connection of it has, or has not: invalid_sql_statement_name, duplicate. */
const MIXED_UP = new Set(['26000', '42P05']);

/**
 * A connection whose statements are prepared under a name, so that the server parses and plans each once a connection: for
 * most of ours, that takes as long as running them. Not if the session says that names get lost. Where one is lost all the
 * same, no names are given from then on, and a statement outside of a transaction is sent again without one: the server has
 * not begun with it.
 */
export function withNamedStatements<T extends pg.Pool | pg.PoolClient>(connection: T, session: Session): T {
  const alone = 'totalCount' in connection;
  return new Proxy(connection, {
    get(target, property) {
      if (property !== 'query') return Reflect.get(target, property);
      return async (config: pg.QueryConfig, values: unknown[]) => {
        const name = session.named ? nameOf(config.text) : undefined;
        try {
          return await target.query({ ...config, name }, values);
        } catch (thrown) {
          if (name === undefined || !MIXED_UP.has(sqlState(thrown))) throw thrown;
          session.forgetNames();
          if (!alone) throw thrown;
          return target.query({ ...config, name: undefined }, values);
        }
      };
    },
  });
}

function nameOf(text: string): string | undefined {
  let name = names.get(text);
  if (name === undefined && names.size < MOST) {
    name = createHash('sha256').update(text).digest('base64url');
    names.set(text, name);
  }
  return name;
}
