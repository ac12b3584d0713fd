import { realpath } from 'node:fs/promises';
import { AppError } from '@qwen-edit/contract';
import pg from 'pg';
import { type Passwords, SUPERUSER } from './cluster.ts';

const NAME = 'qwen_edit';
const CONNECT_MS = 10_000;

/** Where a server listens, and what is needed to log in. */
export interface Address {
  readonly port: number;
  readonly cluster: string;
  readonly passwords: Passwords;
}

/**
 * Makes sure that the server on this port is the one of this cluster: both sides prove that they know the password (scram), and the
 * server tells its folder. Then makes the role and the database if they are missing, and returns the URL of the database.
 */
export async function prepareDatabase({ port, cluster, passwords }: Address): Promise<string> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    password: passwords.superuser,
    database: 'postgres',
    // Otherwise PGSSLMODE would decide.
    ssl: false,
    application_name: 'qwen-edit start',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await prepare(client, cluster, passwords.application);
  } finally {
    await client.end().catch(() => undefined);
  }
  // The server has no certificate, whatever PGSSLMODE may ask of others.
  return `postgres://${NAME}:${passwords.application}@127.0.0.1:${port}/${NAME}?sslmode=disable`;
}

async function prepare(client: pg.Client, cluster: string, password: string): Promise<void> {
  const { rows } = await client.query<{ folder: string; role: boolean; database: boolean }>(
    `select current_setting('data_directory') as folder,
       exists (select from pg_roles where rolname = '${NAME}') as role,
       exists (select from pg_database where datname = '${NAME}') as database`,
  );
  const found = rows[0];
  if (found === undefined || (await realpath(found.folder)) !== cluster) {
    throw new AppError('embedded_database_failed', `Port ${client.port} belongs to the database of another folder.`);
  }
  // A password is hexadecimal digits and needs no quoting. A new role owns its database and is no superuser.
  if (!found.role) await client.query(`create role ${NAME} login createdb password '${password}'`);
  if (!found.database) await client.query(`create database ${NAME} owner ${NAME}`);
}
