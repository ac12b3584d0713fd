import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { GenericContainer, Wait } from 'testcontainers';
import { leaveOut, mention, whyNoImage } from '../services.ts';

/** A PgBouncer in transaction mode before a server. */
export interface RunningPooler {
  /** The same address by way of the pooler. */
  through(url: string): string;
  stop(): Promise<void>;
}

export interface PoolerOptions {
  /** The server's address, with user and password. */
  readonly url: string;
  /** Connections of the server for each database. */
  readonly serverConnections: number;
  /** Lines of the section [pgbouncer]. */
  readonly lines?: readonly string[];
}

export interface PoolerKind {
  readonly name: string;
  /** Named statements are followed from one connection of the server to the next. */
  readonly followsNames: boolean;
  start(options: PoolerOptions): Promise<RunningPooler>;
}

const PROGRAM = '/usr/sbin/pgbouncer';
const NOBODY = 65_534;
const UP = 'process up';

const newer: PoolerKind = { name: 'PgBouncer of Debian 13', followsNames: true, start: startContainer };

/** The PgBouncer of this machine. Where there is none, one line says so; in CI it has to be there. */
export async function systemPooler(): Promise<PoolerKind | undefined> {
  const version = await promisify(execFile)(PROGRAM, ['--version']).then(
    ({ stdout }) => /^PgBouncer (\d+)\.(\d+)/m.exec(stdout),
    () => undefined,
  );
  if (version === undefined) {
    await leaveOut('the tests that need PgBouncer', `${PROGRAM} cannot be run`);
    return undefined;
  }
  // It can since 1.21, and does without being told since 1.24.
  const followsNames = Number(version?.[1]) > 1 || Number(version?.[2]) >= 24;
  return { name: 'PgBouncer of this machine', followsNames, start: startProgram };
}

/** All that can be had here; of a newer one that cannot, one line says so. */
export async function findPoolers(): Promise<readonly PoolerKind[]> {
  const system = await systemPooler();
  const why = (await whyNoImage('debian:trixie-slim')) ?? (await whyNotBuilt());
  if (why !== undefined) await mention('the tests with a PgBouncer that follows named statements', why);
  return [...(system === undefined ? [] : [system]), ...(why === undefined ? [newer] : [])];
}

let image: Promise<GenericContainer> | undefined;
function build(): Promise<GenericContainer> {
  image ??= GenericContainer.fromDockerfile(join(import.meta.dirname, '../fixtures/pgbouncer')).build(
    'qwen-edit-test-pgbouncer:local',
    { deleteOnExit: false },
  );
  return image;
}
const whyNotBuilt = (): Promise<string | undefined> =>
  build().then(
    () => undefined,
    () => 'the package of Debian 13 cannot be had',
  );

async function startProgram(options: PoolerOptions): Promise<RunningPooler> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-pgbouncer-'));
  await chmod(folder, 0o755);
  const port = await freePort();
  const [config, users] = [join(folder, 'pgbouncer.ini'), join(folder, 'users.txt')];
  await writeFile(config, configOf(options, port, users));
  await writeFile(users, usersOf(options));
  for (const path of [config, users]) await chmod(path, 0o644);
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const child = spawn(PROGRAM, [config], { ...user, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  const said: string[] = [];
  const up = Promise.withResolvers<void>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    said.push(line);
    if (line.includes(UP)) up.resolve();
  });
  await Promise.race([
    up.promise,
    exited.then(() => Promise.reject(new Error(`PgBouncer has ended.\n${said.join('\n')}`))),
  ]);
  return {
    through: (url) => at(url, port),
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startContainer(options: PoolerOptions): Promise<RunningPooler> {
  const port = await freePort();
  const container = await (await build())
    .withNetworkMode('host')
    .withCopyContentToContainer([
      { content: configOf(options, port, '/tmp/users.txt'), target: '/tmp/pgbouncer.ini' },
      { content: usersOf(options), target: '/tmp/users.txt' },
    ])
    .withWaitStrategy(Wait.forLogMessage(UP))
    .start();
  return { through: (url) => at(url, port), stop: async () => void (await container.stop()) };
}

function configOf({ url, serverConnections, lines = [] }: PoolerOptions, port: number, users: string): string {
  const { hostname, port: serverPort } = new URL(url);
  return `[databases]
* = host=${hostname} port=${serverPort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${serverConnections}
max_client_conn = 200
${lines.join('\n')}
`;
}

function usersOf({ url }: PoolerOptions): string {
  const { username, password } = new URL(url);
  return `"${decodeURIComponent(username)}" "${decodeURIComponent(password)}"\n`;
}

function at(url: string, port: number): string {
  const changed = new URL(url);
  changed.host = `127.0.0.1:${port}`;
  return changed.href;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
