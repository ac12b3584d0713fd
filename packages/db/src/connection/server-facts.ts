import type { Database } from './database.ts';

/** What a PostgreSQL server tells of its load and of itself. */
export interface ServerFacts {
  /** As `180004` for 18.4. */
  readonly versionNumber: number;
  readonly maxConnections: number;
  /** Of those, how many only a superuser gets. */
  readonly reservedConnections: number;
  /** How many are in use, over all databases. */
  readonly connections: number;
  readonly readOnly: boolean;
  /** Its clock, in milliseconds since 1970. */
  readonly now: number;
}

/** Asks the server about itself, which changes nothing. Rejects as every call of a Database does. */
export async function readServerFacts({ pool, check }: Pick<Database, 'pool' | 'check'>): Promise<ServerFacts> {
  // It translates what a server that is away or refuses us answers; the statement below then meets one that answers.
  await check();
  const { rows } = await pool.query<ServerFacts>(STATEMENT);
  const [facts] = rows;
  return (
    facts ?? { versionNumber: 0, maxConnections: 0, reservedConnections: 0, connections: 0, readOnly: false, now: 0 }
  );
}

const STATEMENT = `select
  current_setting('server_version_num')::int as "versionNumber",
  current_setting('max_connections')::int as "maxConnections",
  current_setting('superuser_reserved_connections')::int as "reservedConnections",
  (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as "connections",
  (pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool) as "readOnly",
  (extract(epoch from clock_timestamp()) * 1000)::float8 as "now"`;
