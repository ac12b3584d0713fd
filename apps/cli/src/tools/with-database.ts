import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import {
  acquireDataDirLock,
  createDatabase,
  type Database,
  migrateDatabase,
  readDataDirLock,
  startEmbeddedPostgres,
} from '@qwen-edit/db';
import { directUrlOf } from '../direct-url.ts';
import type { Config } from '../settings.ts';

export interface ToolOptions {
  /** False: a database that is started here keeps the schema that it has. */
  readonly migrates?: boolean;
  /** False: an embedded database that is not there is not made. */
  readonly creates?: boolean;
}

/**
 * Opens the database for a tool: that of DATABASE_URL, else the embedded one, whose service may run meanwhile. Without a
 * service it is started for the time of the call, and brought to this version's schema, unless `migrates` is false.
 */
export async function withDatabase<T>(
  config: Pick<Config, 'databaseUrl' | 'databaseDirectUrl' | 'dataDir'>,
  signal: AbortSignal,
  work: (database: Database) => Promise<T>,
  { migrates = true, creates = true }: ToolOptions = {},
): Promise<T> {
  const directUrl = directUrlOf(config);
  if (config.databaseUrl !== undefined) return connected(config.databaseUrl, work, directUrl);
  const holder = await readDataDirLock(config.dataDir);
  if (typeof holder?.database_url === 'string') return connected(holder.database_url, work);
  if (!creates) await requireCluster(config.dataDir);
  const lock = await acquireDataDirLock(config.dataDir);
  try {
    const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, signal });
    try {
      return await connected(embedded.url, async (database) => {
        if (migrates) await migrateDatabase(database, { signal });
        return work(database);
      });
    } finally {
      await embedded.stop();
    }
  } finally {
    await lock.release();
  }
}

async function requireCluster(dataDir: string): Promise<void> {
  const cluster = join(resolve(dataDir), 'postgres');
  if ((await stat(cluster).catch(() => undefined))?.isDirectory() === true) return;
  throw new AppError('usage', `There is no database in ${resolve(dataDir)}.`, {
    hint: 'Name the data folder of the service with --data-dir, or set DATABASE_URL.',
  });
}

async function connected<T>(url: string, work: (database: Database) => Promise<T>, directUrl?: string): Promise<T> {
  const database = createDatabase({ url, directUrl, max: 2, applicationName: 'qwen-edit tool' });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
