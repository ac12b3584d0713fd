import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

/** Position of `starttime` after the command's name in /proc/PID/stat. Source: proc_pid_stat(5), field 22. */
const START_TIME = 19;

/**
 * When a process began, as a text that no later process with the same id has; undefined if there is no such process, or if it has
 * ended and only waits to be reaped. On Windows it only tells that the process lives.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return linuxStart(pid);
  if (process.platform === 'win32') return isRunning(pid) ? 'running' : undefined;
  const line = await ps(pid, 'stat=,lstart=');
  return line === undefined || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
}

async function linuxStart(pid: number): Promise<string | undefined> {
  const stat = await read(`/proc/${pid}/stat`);
  // The command's name is in brackets and may hold brackets and spaces itself.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  // Start times count from the boot, and a machine may boot the same way twice.
  const boot = (await read('/proc/sys/kernel/random/boot_id')) ?? '';
  return `${boot.trim()}/${fields[START_TIME]}`;
}

/** The command line of a process, its words joined by spaces; undefined if it cannot be read. */
export async function commandLine(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return (await read(`/proc/${pid}/cmdline`))?.replaceAll('\0', ' ');
  return process.platform === 'win32' ? undefined : ps(pid, 'command=');
}

/** True if some process has this id. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

async function ps(pid: number, columns: string): Promise<string | undefined> {
  const line = await runFile('ps', ['-ww', '-o', columns, '-p', String(pid)]).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
  return line === '' ? undefined : line;
}

async function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
