import { createHash } from 'node:crypto';
import type pg from 'pg';

/** At most so many texts get a name: the server keeps each on each connection. Ours are some sixty. */
const MOST = 200;
const names = new Map<string, string>();

/**
 * A connection whose statements are prepared under a name, so that the server parses and plans each once a connection: for
 * most of ours, that takes as long as running them. A pooler between us and the server must support prepared statements
 * (PgBouncer does since 1.21).
 */
export function withNamedStatements<T extends pg.Pool | pg.PoolClient>(connection: T): T {
  return new Proxy(connection, {
    get(target, property) {
      if (property !== 'query') return Reflect.get(target, property);
      return (config: pg.QueryConfig, values: unknown[]) => target.query({ ...config, ...nameOf(config.text) }, values);
    },
  });
}

function nameOf(text: string): { readonly name?: string } {
  let name = names.get(text);
  if (name === undefined && names.size < MOST) {
    name = createHash('sha256').update(text).digest('base64url');
    names.set(text, name);
  }
  return name === undefined ? {} : { name };
}
