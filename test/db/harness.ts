import { randomBytes } from 'node:crypto';
import { afterAll, onTestFinished } from 'vitest';
import { createDatabase, type Database, type DatabaseOptions } from '../../packages/db/src/index.ts';
import { serviceAddress } from '../services.ts';
import type { PostgresAddress } from '../setup/start-services.ts';
import { dropDatabase, runOnServer, withDatabaseName } from './template.ts';

export interface FreshOptions extends Partial<Omit<DatabaseOptions, 'url'>> {
  /** When it is closed and dropped: after the running test, or after the last test of the file. */
  readonly lasts?: 'test' | 'file';
}

/** Databases of one test file on a server that the whole run shares. */
export interface TestServer {
  /** Address of a database of its own, without tables. */
  emptyUrl(options?: FreshOptions): Promise<string>;
  /** Address of a migrated, empty database of its own. */
  freshUrl(options?: FreshOptions): Promise<string>;
  /** A migrated, empty database of its own. */
  freshDatabase(options?: FreshOptions): Promise<Database>;
  /** Drops what is left of this file's databases. */
  close(): Promise<void>;
}

/** A server that has to start many processes at once on a busy machine is slow to take connections, which is no fault. */
const PATIENT = { connectTimeoutMs: 120_000, waitMs: 120_000 } as const;

/** Makes databases on a server, as copies of its template: see makeTemplate. */
export function useServer({ url, template }: PostgresAddress): TestServer {
  const prefix = `qwen_edit_${randomBytes(4).toString('hex')}`;
  const closing = new Set<() => Promise<void>>();
  let made = 0;

  /** Hooks run last one first: a pool is closed before its database is dropped. */
  const whenOver = (lasts: FreshOptions['lasts'], close: () => Promise<void>): void => {
    if (lasts === 'file') closing.add(close);
    else onTestFinished(close);
  };
  const create = async (from: string, { lasts }: FreshOptions): Promise<string> => {
    const name = `${prefix}_${made++}`;
    // A copy of files is made, and later dropped, in a third of the time that the default way takes.
    await runOnServer(url, `create database ${name} template ${from} strategy file_copy`);
    whenOver(lasts, () => dropDatabase(url, name));
    return withDatabaseName(url, name);
  };
  const freshUrl = (options: FreshOptions = {}): Promise<string> => create(template, options);

  return {
    freshUrl,
    emptyUrl: (options = {}) => create('template0', options),
    async freshDatabase(options = {}) {
      const { lasts, ...rest } = options;
      const database = createDatabase({ ...PATIENT, ...rest, url: await freshUrl(options) });
      whenOver(lasts, () => database.close());
      return database;
    },
    async close() {
      for (const each of [...closing].reverse()) await each();
    },
  };
}

let ours: Promise<TestServer> | undefined;
const server = (): Promise<TestServer> => {
  ours ??= serviceAddress('embedded-postgres').then(useServer);
  return ours;
};
afterAll(async () => (await ours)?.close());

/** A migrated, empty database of its own, on the embedded server that the run shares. */
export const freshDatabase = async (options?: FreshOptions): Promise<Database> =>
  (await server()).freshDatabase(options);
/** Address of a migrated, empty database, for a test that connects to it itself or has a program do it. */
export const freshUrl = async (options?: FreshOptions): Promise<string> => (await server()).freshUrl(options);
/** Address of a database without tables. */
export const emptyUrl = async (options?: FreshOptions): Promise<string> => (await server()).emptyUrl(options);
