// Plain JavaScript on purpose, as node-for-typescript.mjs, and without anything that Node 20 lacks.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The program's ends of two pipes: through one it tells its exit code, and the other one closes when its parent ends. */
export const NOTICE_FD = 3;
export const LIFE_FD = 4;

/** How long a program may take to end after it has told its exit code. */
const END_MS = 2000;

/** @type {readonly NodeJS.Signals[]} */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a JavaScript or TypeScript file in another Node, and sees to its end. A Node that has done its work can hang for ever
 * (nodejs/node#54918): if it has told its exit code and still runs two seconds later, it is killed, and that code counts.
 * SIGINT, SIGTERM and SIGHUP of this process are passed on; if this process is killed, the program gets SIGTERM.
 * `ended` resolves with the exit code, for a signal with 128 and its number, as shells do. `stopCode` is this number for the
 * first signal that was passed on, and undefined before.
 * @param {{ node: string, nodeArgs?: readonly string[], file: string, args: readonly string[], cwd?: string,
 *   output?: 'inherit' | 'pipe', input?: 'inherit' | 'ignore' }} options
 */
export function startWatchedProgram({ node, nodeArgs = [], file, args, cwd, output = 'inherit', input = 'inherit' }) {
  const program = fileURLToPath(new URL('program.mjs', import.meta.url));
  // On Windows the system ends a child with its parent.
  const life = process.platform === 'win32' ? 'ignore' : 'pipe';
  const child = spawn(node, [...nodeArgs, program, file, ...args], {
    stdio: [input, output, output, 'pipe', life],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let notice = '';
  /** @type {NodeJS.Timeout | undefined} */
  let limit;
  child.stdio[NOTICE_FD]?.on('data', (chunk) => {
    notice += chunk;
    if (notice.includes('\n')) limit ??= setTimeout(() => child.kill('SIGKILL'), END_MS);
  });
  // A listener also keeps this process alive through the signal, so that it ends after the program and with its code.
  /** @type {number | undefined} */
  let stopCode;
  const stops = FORWARDED.map((signal) => {
    const forward = () => {
      stopCode ??= 128 + constants.signals[signal];
      // On Windows the console tells both, and what one process sends to another ends that at once.
      if (process.platform !== 'win32') child.kill(signal);
    };
    process.on(signal, forward);
    return () => process.off(signal, forward);
  });
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    // Not `close`: something that the program has started may hold its output open.
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      for (const stop of stops) stop();
      const told = notice.includes('\n') ? Number.parseInt(notice, 10) : undefined;
      resolve(code ?? told ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  return { child, ended, stopCode: () => stopCode };
}
