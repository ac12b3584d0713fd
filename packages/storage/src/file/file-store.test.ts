import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../object-store.ts';
import { readObject } from '../read-object.ts';
import { toFileError } from './file-errors.ts';
import { createFileStore } from './file-store.ts';

const PNG = { mediaType: 'image/png' };
const X = new TextEncoder().encode('x');
const unavailable = { code: 'storage_unavailable' };

let top: string;
let folder: string;
let store: ObjectStore;
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  folder = join(top, 'objects');
  store = createFileStore({ folder });
});
afterEach(() => rm(top, { recursive: true }));

describe('links in the folder do not lead outside', () => {
  beforeEach(async () => {
    await store.put('a/inside', X, PNG);
    await mkdir(join(top, 'outside'));
    await createFileStore({ folder: join(top, 'outside') }).put('secret', X, PNG);
    await symlink(join(top, 'outside'), join(folder, 'link'));
    await symlink(join(top, 'outside/secret'), join(folder, 'a/file'));
  });

  it.each(['link/secret', 'link/new', 'a/file'])('%s', async (key) => {
    await expect(store.get(key)).rejects.toMatchObject(unavailable);
    await expect(store.head(key)).rejects.toMatchObject(unavailable);
    expect(await readdir(join(top, 'outside'))).toEqual(['secret', '~tmp']);
  });

  it('a put through one is refused, a put over one replaces the link', async () => {
    await expect(store.put('link/new', X, PNG)).rejects.toMatchObject(unavailable);
    await expect(store.put('link/deep/new', X, PNG)).rejects.toMatchObject(unavailable);
    await store.put('a/file', new TextEncoder().encode('mine'), PNG);
    expect((await readFile(join(top, 'outside/secret'), 'latin1')).startsWith('x\n')).toBe(true);
    expect(await store.head('a/file')).toMatchObject({ bytes: 4 });
  });

  it('a delete removes the link, not what it names; through one it is refused', async () => {
    await store.delete(['a/file']);
    await expect(store.delete(['link/secret'])).rejects.toMatchObject(unavailable);
    expect(await readdir(join(top, 'outside'))).toEqual(['secret', '~tmp']);
  });

  it('a listing passes them by', async () => {
    const keys = (await Array.fromAsync(store.list(''))).map(({ key }) => key);
    expect(keys).toEqual(['a/inside']);
  });

  it('the folder itself may be one', async () => {
    await symlink(folder, join(top, 'elsewhere'));
    const other = createFileStore({ folder: join(top, 'elsewhere') });
    await other.put('a/b', X, PNG);
    expect(await store.head('a/b')).toBeDefined();
  });
});

describe('what lies in the folder', () => {
  it('is the content, which a viewer opens, with a trailer behind it', async () => {
    await store.put('a/b.txt', new TextEncoder().encode('content'), { mediaType: 'text/plain' });
    const text = await readFile(join(folder, 'a/b.txt'), 'latin1');
    expect(text.length).toBe('content'.length + 512);
    expect(text).toMatch(
      /^content\nqwen-edit object 1\nmedia-type: text\/plain\nsha-256: [0-9a-f]{64}\nbytes: 7\n +\n$/,
    );
  });

  it('the same content has the same tag', async () => {
    const [first, second] = [await store.put('a', X, PNG), await store.put('b', X, PNG)];
    expect(first.etag).toBe(second.etag);
  });

  it('a file that lost some of it is damaged, not shorter', async () => {
    await store.put('a', new Uint8Array(5000), PNG);
    for (const length of [5511, 5000, 511, 0]) {
      await truncate(join(folder, 'a'), length);
      await expect(store.get('a')).rejects.toMatchObject({ ...unavailable, message: expect.stringMatching(/damaged/) });
    }
    await writeFile(join(folder, 'foreign.png'), 'x'.repeat(1000));
    await expect(store.head('foreign.png')).rejects.toMatchObject(unavailable);
    await store.delete(['a', 'foreign.png']);
    expect(await Array.fromAsync(store.list(''))).toEqual([]);
  });

  it('no key is the folder of another', async () => {
    const collision = { code: 'invalid_parameter', message: expect.stringMatching(/folder of another/) };
    await store.put('a/b', X, PNG);
    await expect(store.put('a', X, PNG)).rejects.toMatchObject(collision);
    await expect(store.put('a/b/c', X, PNG)).rejects.toMatchObject(collision);
    await expect(store.put('a/b/c/d', X, PNG)).rejects.toMatchObject(collision);
    expect(await store.get('a')).toBeUndefined();
    expect(await store.get('a/b/c')).toBeUndefined();
    await store.delete(['a', 'a/b/c']);
    expect(await readObject(store, 'a/b', { maxBytes: 1 })).toEqual(X);
    expect(await readdir(join(folder, '~tmp'))).toEqual([]);
  });

  it('deleting leaves no empty folder, and puts beside it do not suffer', async () => {
    for (let round = 0; round < 30; round++) {
      await Promise.all([
        store.put('deep/er/one', X, PNG).then(() => store.delete(['deep/er/one'])),
        store.put('deep/er/two', X, PNG).then(() => store.delete(['deep/er/two'])),
        store.put('deep/three', X, PNG).then(() => store.delete(['deep/three'])),
      ]);
    }
    expect(await readdir(folder)).toEqual(['~tmp']);
  });
});

describe('what a killed process was writing', () => {
  it('is no object, and is swept when it is old enough', async () => {
    await store.put('a', X, PNG);
    for (const name of ['old', 'new']) await writeFile(join(folder, '~tmp', name), 'half');
    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(folder, '~tmp/old'), hourAgo, hourAgo);
    expect((await Array.fromAsync(store.list(''))).map(({ key }) => key)).toEqual(['a']);
    expect(await store.sweepTemporary(1_800_000)).toBe(1);
    expect(await readdir(join(folder, '~tmp'))).toEqual(['new']);
    expect(await store.sweepTemporary(0)).toBe(1);
  });

  it('a folder that has gone is not taken for an empty one', async () => {
    await store.put('a/b', X, PNG);
    await rm(folder, { recursive: true });
    const calls = [
      () => store.get('a/b'),
      () => store.head('x'),
      () => store.put('c', X, PNG),
      () => store.delete(['a/b']),
      () => store.check(),
      () => Array.fromAsync(store.list('')),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject(unavailable);
  });

  it('the folder for it comes back after somebody has removed it', async () => {
    await store.put('a', X, PNG);
    await rm(join(folder, '~tmp'), { recursive: true });
    await store.put('b', X, PNG);
    expect(await store.head('b')).toBeDefined();
  });
});

describe('errors of the file system say what to do', () => {
  it.each([
    ['ENOSPC', 'disk_full', /Free some space/],
    ['EDQUOT', 'disk_full', /Free some space/],
    ['EACCES', 'storage_unavailable', /read and write/],
    ['EROFS', 'storage_unavailable', /read and write/],
    ['ENOTDIR', 'storage_unavailable', /STORAGE_URL/],
    ['EMFILE', 'storage_unavailable', /ulimit/],
    ['EIO', 'storage_unavailable', /disk/],
  ])('%s', (code, expected, hint) => {
    const error = toFileError(Object.assign(new Error(`${code}: no, write '/srv/secret/path'`), { code }));
    expect(error).toMatchObject({ code: expected, hint: expect.stringMatching(hint) });
    expect(error.message).not.toContain('/srv');
  });
});
