import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** Command line and, where the system tells, environment. */
  readonly text: string;
}

/** Living processes that have this mark in their command line or environment. */
export async function processesWith(mark: string): Promise<readonly ProcessRow[]> {
  const rows = process.platform === 'linux' ? await readProc() : await askPs();
  return rows.filter(({ text, pid }) => text.includes(mark) && pid !== process.pid);
}

/** Files and pipes that a process has open; undefined where the system does not tell. Connections come and go. */
export async function countOpenFiles(pid: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => 'socket:')));
  return targets.filter((target) => !target.startsWith('socket:')).length;
}

async function readProc(): Promise<ProcessRow[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(readRow))).filter((row) => row !== undefined);
}

/** undefined for one that has ended meanwhile, or whose parent has not asked yet how. */
async function readRow(pid: number): Promise<ProcessRow | undefined> {
  const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '');
  const [stat, command, environment] = await Promise.all([read('stat'), read('cmdline'), read('environ')]);
  // The name in brackets may hold anything.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === undefined || state === '' || state === 'Z' || state === 'X') return undefined;
  return { pid, parent: Number(parent), text: `${command} ${environment}`.replaceAll('\0', ' ') };
}

async function askPs(): Promise<ProcessRow[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-E', '-ww', '-o', 'pid=,ppid=,command=']);
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, text = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), text }];
  });
}
