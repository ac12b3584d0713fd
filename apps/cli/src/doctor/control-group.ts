import { posix } from 'node:path';
import type { Host } from './host.ts';

const ROOT = '/sys/fs/cgroup';

/** The processors' worth of time that this process's groups and all above them allow; undefined for no limit. Source: cgroups(7). */
export async function processorQuota({ read }: Pick<Host, 'read'>): Promise<number | undefined> {
  const lines = ((await read('/proc/self/cgroup')) ?? '').split('\n');
  const pathOf = (controller: string): string | undefined =>
    lines
      .map((line) => /^\d+:([^:]*):(.*)$/.exec(line))
      .find((match) => match?.[1]?.split(',').includes(controller))?.[2];
  const unified = pathOf('');
  const isSecond = unified !== undefined && (await read(`${ROOT}/cgroup.controllers`)) !== undefined;
  const folders = isSecond ? upwards(ROOT, unified) : upwards(`${ROOT}/cpu`, pathOf('cpu') ?? '/');
  const quotas = await Promise.all(
    folders.map(async (folder) => {
      if (isSecond) return quotaOf(await read(`${folder}/cpu.max`));
      const quota = await read(`${folder}/cpu.cfs_quota_us`);
      return quotaOf(quota === undefined ? undefined : `${quota.trim()} ${await read(`${folder}/cpu.cfs_period_us`)}`);
    }),
  );
  const limits = quotas.filter((limit) => limit !== undefined);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** The group's folder and those above it. In a container the path may be the host's, and only the root is there. */
function upwards(root: string, path: string): string[] {
  const folders: string[] = [];
  for (let at = posix.normalize(path); ; at = posix.dirname(at)) {
    folders.push(at === '/' ? root : root + at);
    if (at === '/' || at === '.') return folders;
  }
}

/** `QUOTA PERIOD`; the quota is `max` or -1 for none. */
function quotaOf(text: string | undefined): number | undefined {
  const [quota = '', period = ''] = (text ?? '').trim().split(/\s+/);
  const share = Number(quota) / Number(period);
  return share > 0 && Number.isFinite(share) ? share : undefined;
}
