import { execFile } from 'node:child_process';
import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, homedir, totalmem } from 'node:os';
import { promisify } from 'node:util';

/** Free and total bytes of a file system, as this user may use them. */
export interface DiskSpace {
  readonly free: number;
  readonly total: number;
}

/** What doctor asks the machine. A test gives another one. */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** With a `v` before it. */
  readonly nodeVersion: string;
  readonly execPath: string;
  readonly home: string;
  readonly isMusl: boolean;
  /** Processors that this process may use, by its affinity and, on Linux, by the quota of its group. */
  readonly cores: number;
  readonly processorName: string;
  readonly totalMemory: number;
  /** The text of a file of the system, as `/proc/meminfo`; undefined where there is none. */
  read(path: string): Promise<string | undefined>;
  /** undefined where the path does not exist or the system does not say. */
  space(path: string): Promise<DiskSpace | undefined>;
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
    home: homedir(),
    get isMusl() {
      return process.platform === 'linux' && !reportsGlibc();
    },
    cores: availableParallelism(),
    processorName: cpus()[0]?.model.trim() ?? '',
    totalMemory: totalmem(),
    read: (path) => readFile(path, 'utf8').catch(() => undefined),
    async space(path) {
      const facts = await statfs(path).catch(() => undefined);
      if (facts === undefined) return undefined;
      return { free: facts.bavail * facts.bsize, total: facts.blocks * facts.bsize };
    },
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
