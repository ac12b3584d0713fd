import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, onTestFinished } from 'vitest';
import { startEmbeddedPostgres } from '../../packages/db/src/embedded/index.ts';
import { createDatabase, type Database, type DatabaseOptions, migrateDatabase } from '../../packages/db/src/index.ts';
import { environment } from '../config.ts';

export interface FreshOptions extends Partial<Omit<DatabaseOptions, 'url'>> {
  /** When it is closed and dropped: after the running test, or after the last test of the file. */
  readonly lasts?: 'test' | 'file';
}

export interface TestServer {
  /** Address of a database of its own, without tables. */
  emptyUrl(options?: FreshOptions): Promise<string>;
  /** Address of a migrated, empty database of its own. */
  freshUrl(options?: FreshOptions): Promise<string>;
  /** A migrated, empty database of its own. */
  freshDatabase(options?: FreshOptions): Promise<Database>;
  /** Drops what is left; ends the server if it was started here. */
  stop(): Promise<void>;
}

/**
 * A PostgreSQL to make databases on: the one at `url`, whose user may create databases, or else an embedded one of its own.
 * A fresh database is a copy of a template, which takes some 30 ms.
 */
export async function startTestServer(url: string | undefined): Promise<TestServer> {
  const server = url === undefined ? await startOwn() : { url, stop: async () => undefined };
  const run = randomBytes(4).toString('hex');
  const dropping = new Set<() => Promise<void>>();
  let template: Promise<string> | undefined;
  let made = 0;

  const create = async (name: string, from: string, lasts: FreshOptions['lasts']): Promise<string> => {
    await admin(server.url, `create database ${name} template ${from}`);
    const drop = async (): Promise<void> => {
      dropping.delete(drop);
      await admin(server.url, `drop database if exists ${name} with (force)`);
    };
    // What lies on a server of our own goes with it.
    if (url !== undefined) dropping.add(drop);
    if (url !== undefined && lasts !== 'file') onTestFinished(drop);
    return withName(server.url, name);
  };
  const makeTemplate = async (): Promise<string> => {
    const name = `qwen_edit_${run}_template`;
    const database = createDatabase({ url: await create(name, 'template0', 'file') });
    await migrateDatabase(database);
    await database.close();
    return name;
  };

  const freshUrl = async ({ lasts }: FreshOptions = {}): Promise<string> => {
    template ??= makeTemplate();
    return create(`qwen_edit_${run}_${made++}`, await template, lasts);
  };

  return {
    freshUrl,
    emptyUrl: ({ lasts } = {}) => create(`qwen_edit_${run}_${made++}`, 'template0', lasts),
    async freshDatabase(options = {}) {
      const { lasts, ...rest } = options;
      const database = createDatabase({ ...rest, url: await freshUrl(options) });
      // Hooks run last one first: the pool is closed before its database is dropped.
      const close = (): Promise<void> => database.close();
      if (lasts === 'file') dropping.add(close);
      else onTestFinished(close);
      return database;
    },
    async stop() {
      for (const each of [...dropping].reverse()) await each();
      await server.stop();
    },
  };
}

/** The server of this test file, started when it is first wanted. `QWEN_EDIT_TEST_POSTGRES` names one to use instead. */
let ours: Promise<TestServer> | undefined;
const server = (): Promise<TestServer> => {
  ours ??= startTestServer(environment.QWEN_EDIT_TEST_POSTGRES);
  return ours;
};
afterAll(async () => (await ours)?.stop());

/** A migrated, empty database of its own, on the server of this test file. */
export const freshDatabase = async (options?: FreshOptions): Promise<Database> =>
  (await server()).freshDatabase(options);
/** Address of a migrated, empty database, for a test that connects to it itself or has a program do it. */
export const freshUrl = async (options?: FreshOptions): Promise<string> => (await server()).freshUrl(options);
/** Address of a database without tables. */
export const emptyUrl = async (options?: FreshOptions): Promise<string> => (await server()).emptyUrl(options);

async function startOwn(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  const { url, stop } = await startEmbeddedPostgres({ dataDir });
  return {
    url,
    async stop() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function admin(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: withName(url, 'postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The same address with another database's name. */
function withName(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = name;
  return changed.href;
}
