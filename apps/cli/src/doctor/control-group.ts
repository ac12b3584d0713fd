import { posix } from 'node:path';
import type { Host } from './host.ts';

/** What the control groups of this process allow it; undefined for no limit. */
export interface GroupLimits {
  /** Processors' worth of time. */
  readonly processors: number | undefined;
  /** Bytes of memory, and how many of them are in use. */
  readonly memory: number | undefined;
  readonly memoryUsed: number | undefined;
}

const ROOT = '/sys/fs/cgroup';
/** Version 1 says "no limit" by a number that no machine has. */
const NO_LIMIT = 2 ** 60;

/** The tightest limits of this process's groups and all above them. Source: Linux, cgroup-v1 and cgroup-v2. */
export async function groupLimits({ read }: Pick<Host, 'read'>): Promise<GroupLimits> {
  const lines = ((await read('/proc/self/cgroup')) ?? '').split('\n');
  const pathOf = (controller: string): string | undefined =>
    lines
      .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
      .find((match) => match?.[1]?.split(',').includes(controller))?.[2];
  const unified = pathOf('');
  if (unified !== undefined && (await read(`${ROOT}/cgroup.controllers`)) !== undefined) {
    const folders = upwards(ROOT, unified);
    return {
      processors: await tightest(folders, async (folder) => quotaOf(await read(`${folder}/cpu.max`))),
      memory: await tightest(folders, async (folder) => numberOf(await read(`${folder}/memory.max`))),
      memoryUsed: await first(folders, async (folder) => numberOf(await read(`${folder}/memory.current`))),
    };
  }
  const cpu = upwards(`${ROOT}/cpu`, pathOf('cpu') ?? '/');
  const memory = upwards(`${ROOT}/memory`, pathOf('memory') ?? '/');
  return {
    processors: await tightest(cpu, async (folder) => {
      const quota = await read(`${folder}/cpu.cfs_quota_us`);
      return quotaOf(quota === undefined ? undefined : `${quota.trim()} ${await read(`${folder}/cpu.cfs_period_us`)}`);
    }),
    memory: await tightest(memory, async (folder) => numberOf(await read(`${folder}/memory.limit_in_bytes`))),
    memoryUsed: await first(memory, async (folder) => numberOf(await read(`${folder}/memory.usage_in_bytes`))),
  };
}

/** The group's folder and those above it. In a container the path may be the host's, and only the root is there. */
function upwards(root: string, path: string): string[] {
  const folders: string[] = [];
  for (let at = posix.normalize(path); ; at = posix.dirname(at)) {
    folders.push(at === '/' ? root : root + at);
    if (at === '/' || at === '.') return folders;
  }
}

async function tightest(
  folders: readonly string[],
  limitOf: (folder: string) => Promise<number | undefined>,
): Promise<number | undefined> {
  const limits = (await Promise.all(folders.map(limitOf))).filter((limit) => limit !== undefined);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

async function first(
  folders: readonly string[],
  readOne: (folder: string) => Promise<number | undefined>,
): Promise<number | undefined> {
  for (const folder of folders) {
    const value = await readOne(folder);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** `QUOTA PERIOD`; the quota is `max` or -1 for none. */
function quotaOf(text: string | undefined): number | undefined {
  const [quota = '', period = ''] = (text ?? '').trim().split(/\s+/);
  const share = Number(quota) / Number(period);
  return share > 0 && Number.isFinite(share) ? share : undefined;
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number.parseInt((text ?? '').trim(), 10);
  return Number.isFinite(value) && value < NO_LIMIT ? value : undefined;
}
