import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { promisify } from 'node:util';
import { freeBytes } from '@qwen-edit/hub';

/** What doctor asks the machine. A test gives another one. */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** With a `v` before it. */
  readonly nodeVersion: string;
  readonly execPath: string;
  readonly isMusl: boolean;
  /** Processors that this process may use, by its affinity and, on Linux, by the quota of its group. */
  readonly cores: number;
  readonly processorName: string;
  /** The text of a file of the system, as `/proc/meminfo`; undefined where there is none. */
  read(path: string): Promise<string | undefined>;
  /** What may still be written where the folder lies or is to lie; undefined where the system does not say. */
  freeBytes(folder: string): Promise<number | undefined>;
  /** Standard output of a program. Rejects if it is not there or fails. */
  run(
    program: string,
    args: readonly string[],
    options: { readonly signal: AbortSignal; readonly cwd?: string },
  ): Promise<string>;
}

/** The machine that this process runs on. */
export function thisHost(): Host {
  return {
    platform: process.platform,
    arch: process.arch,
    nodeVersion: process.version,
    execPath: process.execPath,
    get isMusl() {
      return process.platform === 'linux' && !reportsGlibc();
    },
    cores: availableParallelism(),
    processorName: cpus()[0]?.model.trim() ?? '',
    read: (path) => readFile(path, 'utf8').catch(() => undefined),
    freeBytes,
    async run(program, args, options) {
      const { stdout } = await promisify(execFile)(program, [...args], {
        ...options,
        encoding: 'utf8',
        windowsHide: true,
      });
      return stdout;
    },
  };
}

/** Node tells its C library in its diagnostic report only, and only if it is glibc. */
function reportsGlibc(): boolean {
  // Without its sockets, whose names it would look up.
  Object.assign(process.report, { excludeNetwork: true });
  return JSON.stringify(process.report.getReport()).includes('"glibcVersionRuntime"');
}
