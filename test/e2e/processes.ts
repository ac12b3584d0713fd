import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { environment } from '../config.ts';

const here = join(import.meta.dirname, '../..');

/** A `qwen-edit` command that runs as a child process. */
export interface RunningCommand {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves with the first match in its output. Rejects if the process ends before that. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves with the exit code or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

const started = new Map<ChildProcess, Promise<unknown>>();
const killAll = (): void => {
  for (const child of started.keys()) child.kill('SIGKILL');
};
// A test run that is cut off leaves no service behind.
process.on('exit', killAll);
// Neither does a test file whose own hooks did not come to stop it, as after a set-up that failed.
if (environment.VITEST !== undefined)
  afterAll(async () => {
    killAll();
    await Promise.all(started.values());
  });

/** Variables of this machine that would change what a test sees; each is set to nothing. */
const CLEARED = Object.fromEntries(
  Object.keys(environment)
    .filter((name) => /^(QWEN_EDIT_|AWS_|DATABASE_URL|STORAGE_URL|QUEUE_|HOST$|PORT$)/.test(name))
    .map((name) => [name, '']),
);

export interface CommandOptions {
  /** Starts the process in a group of its own, as a shell does: Ctrl-C sends its signal to the whole group. */
  readonly ownGroup?: boolean;
  /** The code that runs: this, or a checkout of another version. */
  readonly root?: string | undefined;
}

/** Starts `qwen-edit` with these arguments. Its environment is this process's without the variables that configure a service. */
export function runCommand(
  args: readonly string[],
  env: Record<string, string>,
  cwd: string,
  { ownGroup = false, root = here }: CommandOptions = {},
): RunningCommand {
  const child = spawn(process.execPath, [join(root, 'apps/cli/src/main.ts'), ...args], {
    cwd,
    detached: ownGroup,
    env: { ...environment, ...CLEARED, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = once(child, 'exit').then(([code, signal]): number | NodeJS.Signals => {
    started.delete(child);
    return code ?? signal;
  });
  started.set(child, ended);
  return {
    child,
    output: () => text,
    ended,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(text);
          if (match === null) return;
          listeners.delete(look);
          resolve(match);
        };
        listeners.add(look);
        void ended.then((how) => {
          listeners.delete(look);
          reject(new Error(`${args.join(' ')} ended (${how}) without saying ${pattern}:\n${text.slice(-4000)}`));
        });
        look();
      }),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}
