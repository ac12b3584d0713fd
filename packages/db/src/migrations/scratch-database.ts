import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { retry } from '@qwen-edit/async';
import pg from 'pg';
import type { Database } from '../connection/database.ts';
import { startEmbeddedPostgres } from '../embedded/embedded-postgres.ts';

/** A database to try migrations on, which nobody else uses. */
export interface ScratchDatabase {
  /** `server`: beside the real one. `embedded`: on a server that was started for it here. */
  readonly place: 'server' | 'embedded';
  /** As `17.5`. */
  readonly version: string;
  connect(): Promise<pg.Client>;
  /** Ends its connections and leaves nothing behind. */
  remove(): Promise<void>;
}

/** Also the first part of the names of those that a killed run has left. */
const PREFIX = 'qwen_edit_plan_';
/** No plan takes so long. */
const LEFT_BEHIND_MS = 3_600_000;
const DROP_MS = 5_000;

/**
 * An empty database on the server of `database` if its user may create one, else on an embedded PostgreSQL that runs until it is
 * removed. undefined, with the reason, if there is neither.
 */
export async function openScratch(database: Database): Promise<ScratchDatabase | { readonly why: string }> {
  const beside = await openBeside(database).catch((thrown: unknown) => reasonOf(thrown));
  if (typeof beside !== 'string') return beside;
  const embedded = await openEmbedded().catch((thrown: unknown) => reasonOf(thrown));
  if (typeof embedded !== 'string') return embedded;
  return { why: `the server: ${beside}; an embedded PostgreSQL: ${embedded}` };
}

const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

async function openBeside(database: Database): Promise<ScratchDatabase> {
  const admin = await database.openDirect('qwen-edit plan');
  const name = `${PREFIX}${Date.now()}_${randomBytes(4).toString('hex')}`;
  try {
    await removeLeftBehind(admin);
    await admin.query(`create database ${name} template template0`);
  } catch (thrown) {
    await admin.end();
    throw thrown;
  }
  const clients = createClients(() => database.openDirect('qwen-edit plan', name));
  const remove = async (): Promise<void> => {
    await clients.end();
    try {
      // A pooler may hold connections there, and autovacuum may be at work, which only a superuser may end.
      await retry(() => admin.query(`drop database if exists ${name} with (force)`), {
        backoff: () => 200,
        signal: AbortSignal.timeout(DROP_MS),
      });
    } catch {
      // The plan is made, and the next one drops what is left.
    } finally {
      await admin.end();
    }
  };
  try {
    const version = await versionOf(await clients.connect());
    return { place: 'server', version, connect: clients.connect, remove };
  } catch (thrown) {
    await remove();
    throw thrown;
  }
}

/** Those of runs that were killed. One that somebody uses, or that another user made, stays. */
async function removeLeftBehind(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ name: string }>(
    `select datname::text as name from pg_database d where starts_with(datname, $1) and pg_get_userbyid(datdba) = current_user
     and not exists (select from pg_stat_activity a where a.datname = d.datname)`,
    [PREFIX],
  );
  for (const { name } of rows) {
    const [, made] = /^(\d+)_[0-9a-f]{8}$/.exec(name.slice(PREFIX.length)) ?? [];
    if (made === undefined || Date.now() - Number(made) < LEFT_BEHIND_MS) continue;
    await admin.query(`drop database if exists ${name}`).catch(() => undefined);
  }
}

async function openEmbedded(): Promise<ScratchDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'qwen-edit-plan-'));
  const removeFolder = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const server = await startEmbeddedPostgres({ dataDir });
    const clients = createClients(async () => {
      const client = new pg.Client({ connectionString: server.url });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    });
    const remove = async (): Promise<void> => {
      await clients.end();
      await server.stop();
      await removeFolder();
    };
    return { place: 'embedded', version: await versionOf(await clients.connect()), connect: clients.connect, remove };
  } catch (thrown) {
    await removeFolder();
    throw thrown;
  }
}

function createClients(open: () => Promise<pg.Client>) {
  const clients: pg.Client[] = [];
  return {
    async connect() {
      const client = await open();
      clients.push(client);
      return client;
    },
    end: async () => void (await Promise.all(clients.map((client) => client.end().catch(() => undefined)))),
  };
}

async function versionOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ version: string }>("select current_setting('server_version') as version");
  return rows[0]?.version.split(' ')[0] ?? '';
}
