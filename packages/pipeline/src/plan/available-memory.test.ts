import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { freemem, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { availableMemory } from './available-memory.ts';

const GIB = 2 ** 30;
const MEMINFO = `MemTotal:       ${32 * 2 ** 20} kB\nMemFree:        1 kB\nMemAvailable:   ${20 * 2 ** 20} kB\n`;

/** Files of a system, by path below /. */
async function systemOf(files: Readonly<Record<string, string | number>>) {
  const root = await mkdtemp(join(tmpdir(), 'qwen-edit-system-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), `${text}\n`);
  }
  return { proc: join(root, 'proc'), sys: join(root, 'sys') };
}

it('a machine without limits: what the kernel says is available', async () => {
  const roots = await systemOf({ 'proc/meminfo': MEMINFO, 'proc/self/cgroup': '0::/' });
  expect(await availableMemory(roots)).toEqual({
    totalBytes: 32 * GIB,
    availableBytes: 20 * GIB,
    limitedBy: 'machine',
  });
});

it('a control group of version 2: its limit, less what it uses but for pages that it can drop', async () => {
  const roots = await systemOf({
    'proc/meminfo': MEMINFO,
    'proc/self/cgroup': '0::/',
    'sys/fs/cgroup/memory.max': 8 * GIB,
    'sys/fs/cgroup/memory.current': 6 * GIB,
    'sys/fs/cgroup/memory.stat': `anon 1\ninactive_file ${4 * GIB}\nactive_file 7`,
  });
  expect(await availableMemory(roots)).toEqual({ totalBytes: 8 * GIB, availableBytes: 6 * GIB, limitedBy: 'cgroup' });
});

it('of nested groups the tightest counts, and `max` is none', async () => {
  const roots = await systemOf({
    'proc/meminfo': MEMINFO,
    'proc/self/cgroup': '0::/system.slice/edit.service',
    'sys/fs/cgroup/system.slice/edit.service/memory.max': 'max',
    'sys/fs/cgroup/system.slice/edit.service/memory.current': GIB,
    'sys/fs/cgroup/system.slice/memory.max': 16 * GIB,
    'sys/fs/cgroup/system.slice/memory.current': 15 * GIB,
  });
  expect(await availableMemory(roots)).toEqual({ totalBytes: 16 * GIB, availableBytes: GIB, limitedBy: 'cgroup' });
});

it('a control group of version 1, whose unlimited value is larger than any machine', async () => {
  const files = {
    'proc/meminfo': MEMINFO,
    'proc/self/cgroup': '9:cpu,cpuacct:/docker/abc\n7:memory:/docker/abc\n0::/system.slice/docker.service',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': 31 * GIB,
  };
  const unlimited = await systemOf(files);
  expect(await availableMemory(unlimited)).toMatchObject({ totalBytes: 32 * GIB, limitedBy: 'machine' });
  const roots = await systemOf({
    ...files,
    'sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': 4 * GIB,
    'sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes': 3 * GIB,
    'sys/fs/cgroup/memory/docker/abc/memory.stat': `inactive_file 5\ntotal_inactive_file ${2 * GIB}`,
  });
  expect(await availableMemory(roots)).toEqual({ totalBytes: 4 * GIB, availableBytes: 3 * GIB, limitedBy: 'cgroup' });
});

it('a system that tells nothing: what Node says of the machine', async () => {
  const { totalBytes, availableBytes, limitedBy } = await availableMemory(await systemOf({}));
  expect(totalBytes).toBe(totalmem());
  expect(availableBytes).toBeGreaterThan(0);
  expect(availableBytes).toBeLessThan(totalmem());
  expect(freemem()).toBeGreaterThan(0);
  expect(limitedBy).toBe('machine');
});

it('this machine has memory, and not more than all', async () => {
  const { totalBytes, availableBytes } = await availableMemory();
  expect(availableBytes).toBeGreaterThan(0);
  expect(availableBytes).toBeLessThanOrEqual(totalBytes);
});
