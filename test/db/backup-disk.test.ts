import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { makeBackup } from '../../apps/cli/src/backup/make-backup.ts';
import { restoreBackup } from '../../apps/cli/src/backup/restore-backup.ts';
import { readConfig } from '../../apps/cli/src/config.ts';
import type { ObjectStore } from '../../packages/storage/src/index.ts';
import { everyRow, makeBackupService, makeRestoreTarget } from './backup-places.ts';

const MIB = 2 ** 20;
const { signal } = new AbortController();

/** A file system of 72 MiB, if this process may mount one: eight more than are left free. */
function smallDisk(): string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [];
  const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-test-'));
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=72m', 'tmpfs', folder]).status === 0 ? [folder] : [];
}
const DISKS = smallDisk();
afterAll(async () => {
  for (const folder of DISKS) {
    spawnSync('umount', [folder]);
    await rm(folder, { recursive: true });
  }
});

/** The storage, with one picture that is larger than its row says. */
function withLarger(store: ObjectStore, bytes: number): Pick<ObjectStore, 'get'> {
  return {
    async get(key, options) {
      const found = await store.get(key, options);
      if (found === undefined || key !== 'inputs/asset_2') return found;
      found.body.destroy();
      const pieces = Array.from({ length: bytes / MIB }, () => new Uint8Array(MIB));
      return { info: { ...found.info, bytes }, body: Readable.from(pieces, { objectMode: true }) };
    },
  };
}

it('there is a disk to fill where tests may mount one', () => expect(DISKS.length).toBeLessThan(2));

describe.each(DISKS)('a disk that is too small (%s)', (disk) => {
  it('for a backup is told before anything is written, with both figures', async () => {
    const { deps, database } = await makeBackupService();
    await database.pool.query(`update assets set bytes = 20000000 where id = 'asset_1'`);
    await expect(makeBackup(join(disk, 'b.tar'), deps)).rejects.toMatchObject({
      code: 'disk_full',
      message: expect.stringMatching(/20\.\d MB.* has 75\.\d MB/),
    });
    expect(await readdir(disk)).toEqual([]);
  });

  it('that becomes full while a backup is written ends it, and nothing of it stays', async () => {
    const { deps, store } = await makeBackupService();
    const larger = withLarger(store, 90 * MIB);
    await expect(makeBackup(join(disk, 'b.tar'), { ...deps, store: larger })).rejects.toMatchObject({
      code: 'disk_full',
    });
    expect(await readdir(disk)).toEqual([]);
  });

  it('that becomes full while a backup is restored ends that: the database is empty, and a restore elsewhere goes on', async () => {
    const { deps, store, file, database } = await makeBackupService();
    await makeBackup(file, { ...deps, store: withLarger(store, 90 * MIB) });
    const target = await makeRestoreTarget();
    const onDisk = { ...target.config, storageUrl: `file:${join(disk, 'objects')}` };
    await expect(restoreBackup(file, onDisk, signal)).rejects.toMatchObject({ code: 'disk_full' });
    expect((await target.database.pool.query('select from jobs')).rowCount).toBe(0);
    await target.restore(file);
    expect(await everyRow(target.database)).toEqual(await everyRow(database));
    await rm(join(disk, 'objects'), { recursive: true });
  });

  it('for the data folder of a restore is told before anything is written there', async () => {
    const { deps, file } = await makeBackupService();
    await makeBackup(file, deps);
    const config = readConfig({ QWEN_EDIT_DATA_DIR: join(disk, 'data') });
    await expect(restoreBackup(file, config, signal)).rejects.toMatchObject({ code: 'disk_full' });
    expect((await readdir(join(disk, 'data'))).filter((name) => name !== 'lock')).toEqual([]);
    await writeFile(join(disk, 'done'), '');
  });
});
