import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const PROGRAM = fileURLToPath(new URL('embedded-owner.ts', import.meta.url));
/** nobody and nogroup on Debian; elsewhere just a number that owns nothing. */
export const NOBODY = { uid: 65534, gid: 65534 };
export const isRoot = process.getuid?.() === 0;

export interface OwnerEvent {
  readonly event: 'locked' | 'started' | 'interrupted' | 'stopped' | 'failed';
  readonly pid?: number;
  readonly url?: string;
  readonly adopted?: boolean;
  readonly code?: string;
  readonly message?: string;
}

/** A folder that is gone when the test is, and with it every server that was left running in it. */
export function scratch(name = 'data'): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'qwen-edit-db-')));
  onTestFinished(async () => {
    for (const pid of processesOf(root)) process.kill(pid, 'SIGKILL');
    await untilTrue(() => processesOf(root).length === 0);
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });
  return join(root, name);
}

/** Processes whose command line names a folder: owners and servers, not the servers' own children. */
export function processesOf(folder: string): number[] {
  return allProcesses().filter((pid) => read(`/proc/${pid}/cmdline`).includes(folder));
}

/** A server and its children, which leave its process group and hide its command line. */
export function familyOf(pid: number): number[] {
  return [pid, ...allProcesses().filter((each) => statOf(each)[1] === String(pid))];
}

export function living(pids: readonly number[]): number[] {
  return pids.filter((pid) => ![undefined, 'Z', 'X'].includes(statOf(pid)[0]));
}

/** Leader of a process's group. */
export function groupOf(pid: number): number {
  return Number(statOf(pid)[2]);
}

/** Another process that owns a data folder, as `serve` does. */
export function startOwner(folder: string, task: 'lock' | 'serve', user: { uid?: number; gid?: number } = {}) {
  const child = spawn(...command([PROGRAM, folder, task], user));
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    child,
    async next(): Promise<OwnerEvent> {
      const line = await lines.next();
      return line.done === true ? { event: 'failed', message: 'it ended' } : (JSON.parse(line.value) as OwnerEvent);
    },
    kill: (signal: NodeJS.Signals) => end(child, signal),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

/** A checkout that only root can reach is passed with a capability; the user stays the one that was asked for. */
function command(args: string[], user: { uid?: number; gid?: number }): Parameters<typeof spawn> {
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const reachable = () => spawnSync(process.execPath, ['--check', PROGRAM], { ...user, cwd: '/' }).status === 0;
  if (user.uid === undefined || reachable())
    return [process.execPath, args, { ...user, cwd: '/', detached: true, stdio: [...stdio] }];
  const become = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--securebits=+no_setuid_fixup'];
  const pass = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--'];
  return ['setpriv', [...become, ...pass, process.execPath, ...args], { cwd: '/', detached: true, stdio: [...stdio] }];
}

export async function untilTrue(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so after ${limitMs} ms: ${condition}`);
    await delay(2);
  }
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** State, parent, group and so on; empty when there is no such process. */
function statOf(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
