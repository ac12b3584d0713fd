import { chmod, chown, copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../packages/db/src/index.ts';
import { until } from '../support/until.ts';
import { queryOnce } from './query.ts';
import { runOnServer, withDatabaseName } from './template.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/tls');
export const tlsFile = (name: string): string => join(FIXTURES, name);

export interface ServerState {
  /** Name of the certificate in the fixtures; undefined: TLS is off. */
  readonly certificate?: 'server' | 'expired';
  /** Lines of pg_hba.conf for the database `app`. */
  readonly rules: readonly string[];
}

/** A PostgreSQL of its own whose TLS and rules a test changes while it runs. */
export interface TlsServer {
  /** Address of the database `app`, by a host name or address of this machine and with these parameters. */
  address(options?: {
    readonly host?: string;
    readonly user?: string;
    readonly name?: string;
    readonly parameters?: string;
  }): string;
  /** Resolves when new connections meet the new state. */
  set(state: ServerState): Promise<void>;
  stop(): Promise<void>;
}

export async function startTlsServer(): Promise<TlsServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'qwen-edit-tls-'));
  const { url, pid, stop } = await startEmbeddedPostgres({ dataDir });
  const cluster = join(dataDir, 'postgres');
  const { uid, gid } = await stat(cluster);
  const settings = await readFile(join(cluster, 'postgresql.conf'), 'utf8');
  const observer = withDatabaseName(url, 'postgres');
  await runOnServer(url, 'create database app');
  const loadedAt = async (): Promise<string> =>
    (await queryOnce<{ at: string }>(observer, 'select pg_conf_load_time()::text as at'))[0]?.at ?? '';

  /** A file that belongs to the server's user, as the server demands of keys. */
  async function give(name: string): Promise<string> {
    const path = join(cluster, name);
    await copyFile(tlsFile(name), path);
    await chown(path, uid, gid);
    await chmod(path, 0o600);
    return path;
  }

  return {
    address({ host = 'localhost', user, name = 'app', parameters = '' } = {}) {
      const changed = new URL(withDatabaseName(url, name));
      changed.hostname = host;
      if (user !== undefined) changed.username = user;
      changed.search = parameters;
      return changed.href;
    },
    async set({ certificate, rules }) {
      const before = await loadedAt();
      const tls =
        certificate === undefined
          ? ['ssl = off']
          : [
              'ssl = on',
              `ssl_cert_file = '${await give(`${certificate}.pem`)}'`,
              `ssl_key_file = '${await give(`${certificate}.key`)}'`,
              `ssl_ca_file = '${await give('authority.pem')}'`,
            ];
      await writeFile(join(cluster, 'postgresql.conf'), [settings, ...tls, ''].join('\n'));
      const observed = 'host postgres all 127.0.0.1/32 scram-sha-256';
      await writeFile(join(cluster, 'pg_hba.conf'), [observed, ...rules, ''].join('\n'));
      process.kill(pid, 'SIGHUP');
      await until(async () => (await loadedAt()) !== before);
    },
    async stop() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
