import { spawn } from 'node:child_process';

/** A command as a certain user: what `spawn` needs. */
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
 * Environment of the server and its tools: nothing of ours, so that no PGDATA, locale or library path of the caller changes
 * what they do. Windows cannot start a program without its own variables.
 */
export const environment: NodeJS.ProcessEnv | undefined =
  process.platform === 'win32'
    ? undefined
    : { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** A folder that every user may be in. */
export const NEUTRAL_FOLDER = process.platform === 'win32' ? undefined : '/';

/** Runs a program to its end. Never rejects; a program that is aborted is not ok. */
export async function runProgram(launch: Launch, signal?: AbortSignal): Promise<Ended> {
  const { program, args, ...user } = launch;
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, {
      ...user,
      env: environment,
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
