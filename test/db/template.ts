import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { retry } from '../../packages/async/src/index.ts';
import { createDatabase, migrateDatabase } from '../../packages/db/src/index.ts';

/** Makes a migrated database without rows, of which CREATE DATABASE makes copies in some 50 ms. */
export async function makeTemplate(url: string): Promise<{ readonly template: string; drop(): Promise<void> }> {
  const template = `qwen_edit_template_${randomBytes(4).toString('hex')}`;
  await runOnServer(url, `create database ${template} template template0`);
  const database = createDatabase({ url: withDatabaseName(url, template) });
  await migrateDatabase(database);
  await database.close();
  return { template, drop: () => dropDatabase(url, template) };
}

const INSUFFICIENT_PRIVILEGE = '42501';

/** Drops a database and ends its connections. It waits for a run of autovacuum there, which only a superuser may end. */
export function dropDatabase(url: string, name: string): Promise<void> {
  return retry(() => runOnServer(url, `drop database if exists ${name} with (force)`), {
    backoff: () => 100,
    signal: AbortSignal.timeout(60_000),
    shouldRetry: (thrown) => thrown instanceof pg.DatabaseError && thrown.code === INSUFFICIENT_PRIVILEGE,
  });
}

/** Runs one statement on the server's own database `postgres`. */
export async function runOnServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: withDatabaseName(url, 'postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The same server's address, for another database. */
export function withDatabaseName(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
