import { expect, it } from 'vitest';
import { processorQuota } from './control-group.ts';

const quotaOf = (files: Readonly<Record<string, string>>) => processorQuota({ read: async (path) => files[path] });

it('without groups there is no limit', async () => {
  expect(await quotaOf({})).toBe(undefined);
});

it('of version 2 the tightest of the group and those above it counts', async () => {
  const root = '/sys/fs/cgroup';
  const files = {
    '/proc/self/cgroup': '0::/kubepods/pod/a\n',
    [`${root}/cgroup.controllers`]: 'cpu memory',
    [`${root}/kubepods/pod/a/cpu.max`]: 'max 100000\n',
    [`${root}/kubepods/pod/cpu.max`]: '150000 100000\n',
    [`${root}/kubepods/cpu.max`]: '400000 100000\n',
  };
  expect(await quotaOf(files)).toBe(1.5);
});

it('of version 1 the folders of the controller count, and -1 is no limit', async () => {
  const files = (quota: string) => ({
    '/proc/self/cgroup': '5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': quota,
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
  });
  expect(await quotaOf(files('50000\n'))).toBe(0.5);
  expect(await quotaOf(files('-1\n'))).toBe(undefined);
});
