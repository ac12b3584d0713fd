import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { contentOf, leftovers, wholeContent } from './folders.ts';
import { errorOf, SHARD, startHarness } from './harness.ts';
import { smallModel } from './models.ts';

const MIB = 2 ** 20;

/** A file system of 66 MiB, if this process may mount one: two more than a download leaves free. */
function smallDisk(): string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [];
  const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-test-'));
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=66m', 'tmpfs', folder]).status === 0 ? [folder] : [];
}
const DISKS = smallDisk();
afterAll(async () => {
  for (const folder of DISKS) {
    spawnSync('umount', [folder]);
    await rm(folder, { recursive: true });
  }
});

describe.each(DISKS)('a disk that is too small (%s)', (disk) => {
  it('is asked first: nothing is downloaded, and the error has both figures', async () => {
    const { hub, pull } = await startHarness({}, { files: smallModel({ shard: 3 * MIB }) });
    const error = await errorOf(pull({}, { cacheDir: join(disk, 'asked') }));
    expect(error).toMatchObject({ code: 'disk_full', message: expect.stringMatching(/5\.8 MB .* 69\.\d MB free/) });
    expect(error.hint).toMatch(/HF_HOME.*QWEN_EDIT_2511_DIR/);
    expect(hub.requests.filter(({ host }) => host === 'cdn')).toEqual([]);
  });

  it('what is there already does not count as missing', async () => {
    const files = smallModel({ shard: MIB });
    const { hub, pull } = await startHarness({}, { files });
    const cacheDir = join(disk, 'counted');
    hub.always(SHARD, { kind: 'status', status: 500 });
    await errorOf(pull({}, { cacheDir }));
    await writeFile(join(disk, 'other'), new Uint8Array(100_000));
    hub.always(SHARD, { kind: 'drop', after: 1e9 });
    expect(await contentOf((await pull({}, { cacheDir })).dir)).toEqual(wholeContent(files));
    await rm(cacheDir, { recursive: true });
  });

  it('that becomes full in the middle keeps what has arrived, says so, and the next download goes on', async () => {
    const files = smallModel({ shard: 600_000 });
    const { hub, pull } = await startHarness({}, { files });
    const cacheDir = join(disk, 'full');
    const held = hub.holdAfter(150_000);
    const failing = errorOf(pull({}, { cacheDir }));
    await held;
    const others = join(disk, 'others');
    // As large as the disk takes it.
    await writeFile(others, new Uint8Array(70 * MIB)).catch(() => undefined);
    hub.goOn();
    const error = await failing;
    expect(error).toMatchObject({ code: 'disk_full', message: expect.stringContaining('ENOSPC') });
    expect(error.hint).toContain('is kept');
    expect((await leftovers(cacheDir)).length).toBeGreaterThan(0);
    await rm(others);
    expect(await contentOf((await pull({}, { cacheDir })).dir)).toEqual(wholeContent(files));
    expect(hub.requests.some(({ range }) => range !== undefined)).toBe(true);
    await rm(cacheDir, { recursive: true });
  });
});

it('a cache that cannot be written is output_unwritable, and names the folder', async () => {
  const { pull, folder } = await startHarness();
  await writeFile(join(folder, 'file'), '');
  const error = await errorOf(pull({}, { cacheDir: join(folder, 'file/hub') }));
  expect(error).toMatchObject({
    code: 'output_unwritable',
    message: expect.stringContaining(join(folder, 'file/hub')),
  });
});
