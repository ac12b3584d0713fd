import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@qwen-edit/contract';
import type { Binaries } from './binaries.ts';
import type { Identity } from './identity.ts';
import type { Places } from './places.ts';
import { readServerFile } from './postmaster-file.ts';
import { isRunning, processStart } from './process-info.ts';
import { cleanEnvironment, NEUTRAL_FOLDER, runProgram } from './run-program.ts';
import { serverArguments, serverOptions } from './settings.ts';

/** A running server, started by us or found. */
export interface ServerProcess {
  readonly pid: number;
  /** How it ended, as the end of a sentence (`with code 1`); undefined while it runs. */
  ended(): string | undefined;
  /** True if the process has ended. */
  gone(): Promise<boolean>;
  /** Calls back once when it ends. */
  onEnd(listener: (how: string) => void): void;
}

const POLL_MS = 15;
const WATCH_MS = 500;

/** Starts the server in a process group of its own, so that Ctrl-C in a terminal reaches us and not it. */
export function spawnServer(
  places: Places,
  binaries: Binaries,
  identity: Identity,
  port: number,
  lockFd: number | undefined,
): ServerProcess {
  const { program, args, ...user } = identity.launch(binaries.postgres, serverArguments(places.cluster, port));
  const log = openSync(places.log, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      ...user,
      detached: true,
      env: cleanEnvironment,
      cwd: NEUTRAL_FOLDER,
      // It inherits the lock and keeps it until its last process ends.
      stdio: ['ignore', log, log, ...(lockFd === undefined ? [] : [lockFd])],
    });
    child.unref();
    return ofChild(child);
  } finally {
    closeSync(log);
  }
}

/** On Windows pg_ctl starts the server, because it drops an administrator's rights, which the server refuses to have. */
export async function startOnWindows(places: Places, binaries: Binaries, port: number): Promise<ServerProcess> {
  const options = serverOptions(port).join(' ');
  const args = ['start', '-w', '-D', places.cluster, '-l', places.log, '-o', options];
  const { output } = await runProgram({ program: binaries.pgCtl, args });
  const file = await readServerFile(places.cluster);
  const found = file === undefined ? undefined : await watchServer(file.pid);
  if (found === undefined) throw new AppError('embedded_database_failed', `The database does not start: ${output}`);
  return found;
}

/** Watches a server that is not our child, twice a second. undefined if it has ended already. */
export async function watchServer(pid: number): Promise<ServerProcess | undefined> {
  const start = await processStart(pid);
  if (start === undefined) return undefined;
  const watch = once();
  const timer = setInterval(() => {
    // Without /proc, the start time would need `ps` each time; then it is enough that the id is in use.
    const same = process.platform === 'linux' ? processStart(pid).then((now) => now === start) : isRunning(pid);
    void Promise.resolve(same).then((still) => {
      if (still) return;
      clearInterval(timer);
      watch.end('by itself');
    });
  }, WATCH_MS).unref();
  const gone = async (): Promise<boolean> => (await processStart(pid)) !== start;
  return { pid, ended: watch.ended, gone, onEnd: watch.listen };
}

/**
 * Stops a server. First it closes connections and writes what is in memory (fast shutdown); after `graceMs` it ends without writing
 * (immediate shutdown); after twice that it is killed. Resolves when it has ended. Data is safe in each case.
 */
export async function stopServer({ pid, gone }: ServerProcess, binaries: Binaries, graceMs: number): Promise<void> {
  // Another process may have its id by now.
  if (await gone()) return;
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    await sendSignal(pid, signal, binaries);
    const until = performance.now() + graceMs;
    while (performance.now() < until) {
      if (await gone()) return;
      await delay(POLL_MS);
    }
  }
  throw new AppError('embedded_database_failed', `The database (process ${pid}) cannot be stopped.`, {
    hint: `End process ${pid} by hand.`,
  });
}

/** Windows has no signals except the one that kills, so pg_ctl sends the others. */
async function sendSignal(pid: number, signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL', binaries: Binaries): Promise<void> {
  if (process.platform === 'win32' && signal !== 'SIGKILL') {
    await runProgram({ program: binaries.pgCtl, args: ['kill', signal.slice(3), String(pid)] });
    return;
  }
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended, which the caller will see.
  }
}

function ofChild(child: ChildProcess): ServerProcess {
  const watch = once();
  child.once('error', (error) => watch.end(`before it began: ${error.message}`));
  child.once('exit', (code, signal) => watch.end(signal === null ? `with code ${code}` : `by ${signal}`));
  const { pid } = child;
  // Without this, a signal to process 0 would reach our own group.
  if (pid === undefined) throw new AppError('embedded_database_failed', 'The database process cannot be started.');
  return { pid, ended: watch.ended, gone: async () => watch.ended() !== undefined, onEnd: watch.listen };
}

function once(): {
  end: (how: string) => void;
  ended: () => string | undefined;
  listen: (listener: (how: string) => void) => void;
} {
  let how: string | undefined;
  const listeners: ((how: string) => void)[] = [];
  return {
    end(text) {
      if (how !== undefined) return;
      how = text;
      for (const listener of listeners) listener(text);
    },
    ended: () => how,
    listen(listener) {
      if (how === undefined) listeners.push(listener);
      else listener(how);
    },
  };
}
