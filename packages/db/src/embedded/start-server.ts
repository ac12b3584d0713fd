import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@qwen-edit/contract';
import type { Binaries } from './binaries.ts';
import { removeServerFile } from './cluster.ts';
import type { Identity } from './identity.ts';
import { type KernelLock, takeKernelLock } from './kernel-lock.ts';
import type { Places } from './places.ts';
import { type FoundServer, findServer, readServerFile } from './postmaster-file.ts';
import { isRunning } from './process-info.ts';
import { beginLog, logTail } from './server-log.ts';
import { type ServerProcess, spawnServer, startOnWindows, stopServer, watchServer } from './server-process.ts';

export interface StartDeps {
  readonly places: Places;
  readonly binaries: Binaries;
  readonly identity: Identity;
  readonly signal?: AbortSignal;
}

const PORT_TRIES = 5;
const POLL_MS = 15;
/** The processes of a killed server end within moments. */
const LOCK_WAIT_MS = 10_000;
/** Recovery after a crash reads the write-ahead log from the last checkpoint on, at most a few hundred MB. */
const READY_WAIT_MS = 120_000;
const STOP_GRACE_MS = 2000;
const LEFT_OVER_GRACE_MS = 10_000;

/** Starts the server of a cluster on a free port and waits until it takes connections. */
export async function startPostgresServer(deps: StartDeps): Promise<{ server: ServerProcess; port: number }> {
  const lock = await takeServerLock(deps);
  try {
    await dropStaleFile(deps.places, lock);
    for (let tries = 1; ; tries++) {
      const port = await freePort();
      const server = await tryPort(deps, port, lock);
      if (server !== undefined) return { server, port };
      if (tries === PORT_TRIES) throw await notStarted(deps.places, 'finds no free port');
    }
  } finally {
    // If the server runs, it holds the lock too.
    lock?.release();
  }
}

/** undefined if another program took the port before the server could listen. */
async function tryPort(
  deps: StartDeps,
  port: number,
  lock: KernelLock | undefined,
): Promise<ServerProcess | undefined> {
  const { places, binaries, identity, signal } = deps;
  await beginLog(places.log);
  if (process.platform === 'win32') return startOnWindows(places, binaries, port);
  const server = spawnServer(places, binaries, identity, port, lock?.fd);
  try {
    await waitUntilReady(server, deps);
    return server;
  } catch (thrown) {
    const ended = server.ended();
    if (ended === undefined) await stopServer(server, binaries, STOP_GRACE_MS);
    signal?.throwIfAborted();
    if (ended !== undefined && !(await isFree(port))) return undefined;
    throw thrown;
  }
}

async function waitUntilReady(server: ServerProcess, { places, signal }: StartDeps): Promise<void> {
  const until = performance.now() + READY_WAIT_MS;
  for (;;) {
    const ended = server.ended();
    if (ended !== undefined) throw await notStarted(places, `ended ${ended}`);
    const file = await readServerFile(places.cluster);
    if (file?.pid === server.pid && file.status === 'ready') return;
    if (performance.now() > until) throw await notStarted(places, `is not ready after ${READY_WAIT_MS / 1000} s`);
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}

async function notStarted(places: Places, what: string): Promise<AppError> {
  const tail = await logTail(places.log);
  const code = /no space left/i.test(tail) ? 'disk_full' : 'embedded_database_failed';
  return new AppError(code, `The database ${what}.${tail === '' ? '' : ` Its last words: ${tail}`}`);
}

/**
 * The lock that a server and all its processes hold. It is free when the last of them has ended, also if we cannot see these
 * processes, because they run in another container on the same folder.
 */
async function takeServerLock({ places, binaries, signal }: StartDeps): Promise<KernelLock | undefined> {
  // On Windows a locked file cannot be passed on to another process; the server's own check has to be enough.
  if (process.platform === 'win32') return undefined;
  const until = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    const lock = await takeKernelLock(places.serverLock);
    if (lock !== undefined) return lock;
    // A server that was still starting when its owner was killed may be found only now.
    await stopLeftOver(places, binaries);
    if (performance.now() > until) {
      throw new AppError('data_dir_locked', `Another PostgreSQL server uses ${places.cluster}.`, {
        hint: 'Stop it (it may run in another container), or set QWEN_EDIT_DATA_DIR to another folder.',
      });
    }
    await delay(POLL_MS, undefined, signal === undefined ? {} : { signal });
  }
}

async function stopLeftOver(places: Places, binaries: Binaries): Promise<void> {
  const found = await findServer(places.cluster);
  const server = found === undefined ? undefined : await watchServer(found.pid);
  if (found !== undefined && server !== undefined) await stopFound(found, server, binaries);
}

/** Stops a server that was found, if it is certain to be one. */
export async function stopFound(found: FoundServer, server: ServerProcess, binaries: Binaries): Promise<void> {
  if (found.commandLine !== undefined) await stopServer(server, binaries, LEFT_OVER_GRACE_MS);
}

/**
 * Only called if no server of this cluster was found. PostgreSQL would refuse to start if another process has the id in the file, as
 * is usual after the restart of a container. If nobody has it, PostgreSQL removes the file itself.
 */
async function dropStaleFile(places: Places, lock: KernelLock | undefined): Promise<void> {
  const file = await readServerFile(places.cluster);
  if (file !== undefined && (lock?.fd !== undefined || isRunning(file.pid))) await removeServerFile(places);
}

async function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
