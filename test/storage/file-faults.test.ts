import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createStore, readObject } from '@qwen-edit/storage';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../bad-input/model-copies.ts';

const PNG = { mediaType: 'image/png' };
const MIB = 2 ** 20;

describe('a process that is killed while it writes', () => {
  it('leaves the old object or the new one, and what else it leaves is swept', async () => {
    const folder = await temporaryFolder();
    const program = join(folder, 'writer.mjs');
    const storage = pathToFileURL(join(import.meta.dirname, '../../packages/storage/src/index.ts')).href;
    await writeFile(
      program,
      `import { createStore } from ${JSON.stringify(storage)};
       const store = createStore(process.argv[2]);
       async function* body(fill) {
         for (let i = 0; i < 40; i++) yield new Uint8Array(100_000).fill(fill);
       }
       for (let i = 1; ; i++) {
         await store.put('a/b', body(i % 256), { mediaType: 'image/png' });
         process.stdout.write('.');
       }`,
    );
    const url = `file:${folder}/objects`;
    const store = createStore(url);
    let left = 0;
    for (let round = 0; round < 6; round++) {
      const writer = spawn(process.execPath, [program, url], { stdio: ['ignore', 'pipe', 'inherit'] });
      // Waits for some writes first, so that in each round the kill comes at another point of a write.
      for (let i = 0; i <= round; i++) await once(writer.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, round * 3));
      writer.kill('SIGKILL');
      await once(writer, 'close');

      const data = await readObject(store, 'a/b', { maxBytes: 4 * MIB });
      expect(data).toHaveLength(4_000_000);
      expect(new Set(data).size).toBe(1);
      left += (await readdir(join(folder, 'objects/~tmp'))).length;
      await store.sweepTemporary(0);
      expect(await readdir(join(folder, 'objects/~tmp'))).toEqual([]);
    }
    expect(left).toBeGreaterThan(0);
  });
});

/** A file system of 2 MiB, if this process may mount one. */
function smallDisk(): string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [];
  const folder = mkdtempSync(join(tmpdir(), 'qwen-edit-test-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]).status === 0;
  return mounted ? [folder] : [];
}

describe.each(smallDisk())('on a disk of 2 MiB', (folder) => {
  const store = createStore(`file:${folder}/objects`);
  afterAll(async () => {
    spawnSync('umount', [folder]);
    await rm(folder, { recursive: true });
  });

  it('a put that does not fit says so, changes nothing and frees what it took', async () => {
    await store.put('kept', new Uint8Array(MIB), PNG);
    for (const size of [MIB, 8 * MIB]) {
      await expect(store.put('kept', new Uint8Array(size), PNG)).rejects.toMatchObject({ code: 'disk_full' });
      await expect(store.put('new', new Uint8Array(size), PNG)).rejects.toMatchObject({ code: 'disk_full' });
    }
    await expect(store.check()).rejects.toMatchObject({ code: 'disk_full' });
    expect(await readObject(store, 'kept', { maxBytes: MIB })).toHaveLength(MIB);
    await store.put('small', new Uint8Array(1000), PNG);
    expect(await store.sweepTemporary(0)).toBe(0);
  });

  it('a folder that may only be read says so, and is read', async () => {
    spawnSync('mount', ['-o', 'remount,ro', folder]);
    const refused = { code: 'storage_unavailable', hint: expect.stringContaining('read and write') };
    await expect(store.put('new', new Uint8Array(1), PNG)).rejects.toMatchObject(refused);
    await expect(store.delete(['kept'])).rejects.toMatchObject(refused);
    await expect(store.check()).rejects.toMatchObject(refused);
    expect(await readObject(store, 'kept', { maxBytes: MIB })).toHaveLength(MIB);
  });
});
