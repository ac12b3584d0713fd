import { readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';

/** Memory of this machine, as far as this process may use it. */
export interface AvailableMemory {
  /** All that there is: the machine's, or the limit of the container, whichever is less. */
  readonly totalBytes: number;
  /** What could be used now; pages of files that the system may drop count as free. */
  readonly availableBytes: number;
  /** What sets `totalBytes`. */
  readonly limitedBy: 'machine' | 'cgroup';
}

/** Where the system tells of itself; other folders in tests. */
export interface SystemRoots {
  readonly proc: string;
  readonly sys: string;
}

const ROOTS: SystemRoots = { proc: '/proc', sys: '/sys' };
const KIB = 1024;

/**
 * Reads MemTotal and MemAvailable, and the limits of every control group (version 1 and 2) that this process is in, up to the root.
 * Where there is neither, as on macOS and Windows, it is what Node says of the machine. Never rejects.
 */
export async function availableMemory(roots: SystemRoots = ROOTS): Promise<AvailableMemory> {
  const machine = (await readMeminfo(roots)) ?? { total: totalmem(), available: freemem() };
  const groups = await readGroups(roots);
  const total = Math.min(machine.total, ...groups.map(({ limit }) => limit));
  const left = groups.map(({ limit, used }) => Math.max(0, limit - used));
  return {
    totalBytes: total,
    availableBytes: Math.min(machine.available, ...left),
    limitedBy: total < machine.total ? 'cgroup' : 'machine',
  };
}

/** Source: proc_meminfo(5). */
async function readMeminfo({ proc }: SystemRoots): Promise<{ total: number; available: number } | undefined> {
  const text = await read(join(proc, 'meminfo'));
  const value = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * KIB;
  const total = value('MemTotal');
  const available = value('MemAvailable');
  return Number.isFinite(total) && Number.isFinite(available) ? { total, available } : undefined;
}

interface Group {
  readonly limit: number;
  /** Without the pages of files that the group would give back first. */
  readonly used: number;
}

/** Source: cgroups(7); Linux, Control Group v2, memory; Memory Resource Controller (v1). */
async function readGroups(roots: SystemRoots): Promise<readonly Group[]> {
  const lines = (await read(join(roots.proc, 'self/cgroup'))).split('\n').map((line) => line.split(':'));
  const second = lines.find(([id, controllers]) => id === '0' && controllers === '');
  const first = lines.find(([, controllers]) => controllers?.split(',').includes('memory'));
  const found: (Group | undefined)[] = [];
  for (const path of upwards(second?.slice(2).join(':')))
    found.push(await readGroup(join(roots.sys, 'fs/cgroup', path), VERSION_2));
  for (const path of upwards(first?.slice(2).join(':')))
    found.push(await readGroup(join(roots.sys, 'fs/cgroup/memory', path), VERSION_1));
  return found.filter((group) => group !== undefined);
}

/** The group and those above it. In a container the path may be that of the host, so that the root comes in any case. */
function upwards(path: string | undefined): readonly string[] {
  if (path === undefined) return [];
  const parts = path.split('/').filter((part) => part !== '' && part !== '..');
  return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, parts.length - i).join('/'));
}

interface GroupFiles {
  readonly limit: string;
  readonly used: string;
  readonly inactive: RegExp;
}
const VERSION_2: GroupFiles = { limit: 'memory.max', used: 'memory.current', inactive: /^inactive_file (\d+)$/m };
const VERSION_1: GroupFiles = {
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  inactive: /^total_inactive_file (\d+)$/m,
};

async function readGroup(folder: string, files: GroupFiles): Promise<Group | undefined> {
  const limit = numberOf(await read(join(folder, files.limit)));
  const used = numberOf(await read(join(folder, files.used)));
  if (limit === undefined) return undefined;
  const inactive = Number(files.inactive.exec(await read(join(folder, 'memory.stat')))?.[1] ?? 0);
  return { limit, used: Math.max(0, (used ?? 0) - inactive) };
}

/** `max` and an empty file are no number. */
function numberOf(text: string): number | undefined {
  return /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

/** The text of a file; empty if there is none. */
async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
