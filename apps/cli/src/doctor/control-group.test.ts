import { expect, it } from 'vitest';
import { groupLimits } from './control-group.ts';

const limitsOf = (files: Readonly<Record<string, string>>) => groupLimits({ read: async (path) => files[path] });

it('without groups there is no limit', async () => {
  expect(await limitsOf({})).toEqual({ processors: undefined, memory: undefined, memoryUsed: undefined });
});

it('of version 2 the tightest of the group and those above it counts', async () => {
  const root = '/sys/fs/cgroup';
  const files = {
    '/proc/self/cgroup': '0::/kubepods/pod/a\n',
    [`${root}/cgroup.controllers`]: 'cpu memory',
    [`${root}/kubepods/pod/a/cpu.max`]: 'max 100000\n',
    [`${root}/kubepods/pod/cpu.max`]: '150000 100000\n',
    [`${root}/kubepods/pod/a/memory.max`]: '4294967296\n',
    [`${root}/kubepods/memory.max`]: 'max\n',
    [`${root}/kubepods/pod/a/memory.current`]: '1073741824\n',
  };
  expect(await limitsOf(files)).toEqual({ processors: 1.5, memory: 2 ** 32, memoryUsed: 2 ** 30 });
});

it('of version 1 the folders of each controller count, and its number for no limit is none', async () => {
  const files = {
    '/proc/self/cgroup': '5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '50000\n',
    '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    '/sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes': '9223372036854771712\n',
    '/sys/fs/cgroup/memory/docker/a/memory.usage_in_bytes': '5\n',
  };
  expect(await limitsOf(files)).toEqual({ processors: 0.5, memory: undefined, memoryUsed: 5 });
});
