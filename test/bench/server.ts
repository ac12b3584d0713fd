import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  acquireDataDirLock,
  createDatabase,
  migrateDatabase,
  startEmbeddedPostgres,
} from '../../packages/db/src/index.ts';
import { prepareGraphile } from './graphile.ts';
import { runStatements } from './query.ts';

/** Addresses of two databases on the same server. */
export interface Pair {
  readonly ours: string;
  readonly theirs: string;
}

export interface BenchServer {
  /** Lends two databases, with our tables and with graphile-worker's, that are dropped afterwards. */
  withPair<T>(work: (pair: Pair) => Promise<T>): Promise<T>;
  /** What decides what a commit costs. */
  readonly facts: string;
  stop(): Promise<void>;
}

/** The server at `url`, whose user may create databases, or else an embedded one in `folder`. */
export async function openServer(url: string | undefined, folder: string, signal: AbortSignal): Promise<BenchServer> {
  const server = url === undefined ? await startOwn(join(folder, 'database'), signal) : { url, stop: async () => {} };
  const run = `qwen_edit_bench_${randomBytes(4).toString('hex')}`;
  let made = 0;

  async function withFresh<T>(prepare: (url: string) => Promise<void>, work: (url: string) => Promise<T>): Promise<T> {
    const name = `${run}_${made++}`;
    await runStatements(withName(server.url, 'postgres'), `create database ${name} template template0`);
    try {
      const fresh = withName(server.url, name);
      await prepare(fresh);
      return await work(fresh);
    } finally {
      await runStatements(withName(server.url, 'postgres'), `drop database if exists ${name} with (force)`);
    }
  }

  return {
    withPair: (work) =>
      withFresh(prepareOurs, (ours) => withFresh(prepareGraphile, (theirs) => work({ ours, theirs }))),
    facts: await factsOf(withName(server.url, 'postgres')),
    stop: server.stop,
  };
}

async function startOwn(dataDir: string, signal: AbortSignal): Promise<{ url: string; stop(): Promise<void> }> {
  const lock = await acquireDataDirLock(dataDir);
  try {
    const { url, stop } = await startEmbeddedPostgres({ dataDir, signal });
    return {
      url,
      async stop() {
        await stop();
        await lock.release();
      },
    };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

async function prepareOurs(url: string): Promise<void> {
  const database = createDatabase({ url });
  try {
    await migrateDatabase(database);
  } finally {
    await database.close();
  }
}

async function factsOf(url: string): Promise<string> {
  const rows = await runStatements(
    url,
    `select format('PostgreSQL %s, fsync %s, synchronous_commit %s, shared_buffers %s, max_wal_size %s',
       current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),
       current_setting('shared_buffers'), current_setting('max_wal_size')) as facts`,
  );
  return String(rows[0]?.facts);
}

function withName(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = name;
  return changed.href;
}
