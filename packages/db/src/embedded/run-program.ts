import { spawn } from 'node:child_process';

/** A program to start, and the user to start it as. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

export interface Ended {
  readonly ok: boolean;
  /** The end of what it wrote, or why it could not be started. */
  readonly output: string;
}

const OUTPUT_KEPT = 4000;

/**
 * The environment of the server and its tools. Nothing of ours is in it, so that no PGDATA, locale or library path of the caller
 * changes what they do. On Windows it is the caller's, because programs cannot start without some of its variables.
 */
export const cleanEnvironment: NodeJS.ProcessEnv | undefined =
  process.platform === 'win32'
    ? undefined
    : { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** A working folder that every user may enter. */
export const NEUTRAL_FOLDER = process.platform === 'win32' ? undefined : '/';

/** Runs a program to its end. Never rejects; if it is aborted, it is not ok. */
export async function runProgram(launch: Launch, signal?: AbortSignal): Promise<Ended> {
  const { program, args, ...user } = launch;
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, {
      ...user,
      env: cleanEnvironment,
      cwd: NEUTRAL_FOLDER,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
    });
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-OUTPUT_KEPT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve({ ok: false, output: error.message }));
    child.once('close', (code) => resolve({ ok: code === 0, output: output.trim() }));
  });
}
