import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppError } from '@qwen-edit/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FloatArray } from '../arrays.ts';
import { createEncodingCache, type EncodingCacheOptions } from './encoding-cache.ts';

const keyOf = (digit: string): string => digit.repeat(64);
const A = keyOf('a');
const VALUE: FloatArray = { data: Float32Array.of(1.5, -0, 1e-40, 3e38, -7, 0.1), dims: [2, 3] };
/** 4,000 bytes of numbers. */
const large = (value: number): FloatArray => ({ data: new Float32Array(1000).fill(value), dims: [1000] });

async function openCache(options: Partial<EncodingCacheOptions> = {}) {
  const above = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  onTestFinished(() => rm(above, { recursive: true, force: true }));
  const folder = join(above, 'cache', 'encodings');
  const troubles: AppError[] = [];
  const open = (more: Partial<EncodingCacheOptions> = {}) =>
    createEncodingCache({
      folder,
      maxBytes: 1e6,
      onTrouble: (error) => troubles.push(error),
      ...options,
      ...more,
    });
  return { above, folder, troubles, open, cache: open() };
}

async function bytesIn(folder: string): Promise<number> {
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, each) => sum + each, 0);
}

it('gives back what was put, bit by bit, to every process that has the folder', async () => {
  const { cache, open, troubles } = await openCache();
  expect(await cache.get(A)).toBeUndefined();
  await cache.put(A, VALUE);
  const found = await open().get(A);
  expect(found?.dims).toEqual(VALUE.dims);
  expect(new Uint32Array(found!.data.buffer)).toEqual(new Uint32Array(VALUE.data.buffer));
  expect(await cache.get(keyOf('b'))).toBeUndefined();
  expect(troubles).toEqual([]);
});

it('keeps a part of a larger array, not what lies around it', async () => {
  const { cache } = await openCache();
  await cache.put(A, { data: VALUE.data.subarray(2, 4), dims: [2] });
  expect(await cache.get(A)).toEqual({ data: VALUE.data.slice(2, 4), dims: [2] });
});

it.skipIf(process.platform === 'win32')(
  'lets no other user of the machine read it, also if the folder was open',
  async () => {
    const { cache, folder } = await openCache();
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o777);
    await cache.put(A, VALUE);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, A))).mode & 0o777).toBe(0o600);
  },
);

describe('a file that is not whole and ours is a miss, is removed, and is written again', () => {
  it.each<[string, (path: string) => Promise<unknown>]>([
    ['cut off', async (path) => writeFile(path, (await readFile(path)).subarray(0, -1))],
    ['empty', (path) => writeFile(path, '')],
    ['a header alone', async (path) => writeFile(path, (await readFile(path)).subarray(0, -24))],
    ['longer than it says', async (path) => writeFile(path, Buffer.concat([await readFile(path), Buffer.alloc(4)]))],
    [
      'with one bit changed',
      async (path) =>
        writeFile(
          path,
          (await readFile(path)).map((b, i, all) => (i === all.length - 3 ? b ^ 1 : b)),
        ),
    ],
    [
      'of other dims',
      async (path) => writeFile(path, (await readFile(path, 'latin1')).replace('[2,3]', '[3,2]'), 'latin1'),
    ],
    [
      'of another version',
      async (path) => writeFile(path, (await readFile(path, 'latin1')).replace('encoding 1', 'encoding 0'), 'latin1'),
    ],
    ['foreign', (path) => writeFile(path, Buffer.alloc(300_000, 10))],
    ['a folder', async (path) => rm(path).then(() => mkdir(path))],
    ['a link', async (path) => rename(path, `${path}.away`).then(() => symlink(`${path}.away`, path))],
  ])('%s', async (_, damage) => {
    const { cache, folder, troubles } = await openCache();
    const path = join(folder, A);
    await cache.put(A, VALUE);
    await damage(path);
    expect(await cache.get(A)).toBeUndefined();
    expect(await readdir(folder)).not.toContain(A);
    await cache.put(A, VALUE);
    expect(await cache.get(A)).toEqual(VALUE);
    expect(troubles).toEqual([]);
  });

  it('under the name of another', async () => {
    const { cache, folder } = await openCache();
    await cache.put(A, VALUE);
    await rename(join(folder, A), join(folder, keyOf('b')));
    expect(await cache.get(keyOf('b'))).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('trouble of the disk is a miss, and is told once', () => {
  it.each<[string, (above: string) => Promise<unknown>]>([
    [
      'a file where the folder should be',
      (above) => mkdir(join(above, 'cache')).then(() => writeFile(join(above, 'cache/encodings'), '')),
    ],
    ['a file above it', (above) => writeFile(join(above, 'cache'), '')],
  ])('%s', async (_, spoil) => {
    const { above, cache, folder, troubles } = await openCache();
    await spoil(above);
    for (let i = 0; i < 3; i++) {
      await cache.put(A, VALUE);
      expect(await cache.get(A)).toBeUndefined();
      await cache.sweep();
    }
    expect(troubles).toMatchObject([{ code: 'output_unwritable', message: expect.stringContaining(folder) }]);
  });

  it('and a folder that is gone in between is made again', async () => {
    const { above, cache, troubles } = await openCache();
    await cache.put(A, VALUE);
    await rm(join(above, 'cache'), { recursive: true });
    expect(await cache.get(A)).toBeUndefined();
    await cache.sweep();
    await cache.put(A, VALUE);
    expect(await cache.get(A)).toEqual(VALUE);
    expect(troubles).toEqual([]);
  });
});

describe('the bound', () => {
  it('is kept after each write, and what was used longest ago goes first', async () => {
    let now = Date.now();
    const { cache, folder } = await openCache({ maxBytes: 21_000, now: () => now });
    const keys = Array.from('0123456789abcdef', keyOf);
    for (const [i, key] of keys.entries()) {
      now += 1000;
      await cache.put(key, large(i));
      await utimes(join(folder, key), new Date(now), new Date(now));
      now += 1000;
      if (i > 0) expect(await cache.get(keys[0]!), `after ${i}`).toEqual(large(0));
      expect(await bytesIn(folder)).toBeLessThanOrEqual(21_000);
    }
    expect((await readdir(folder)).length).toBeGreaterThan(2);
    expect(await cache.get(keys.at(-1)!)).toEqual(large(15));
    expect(await cache.get(keys[1]!)).toBeUndefined();
  });

  it('holds for what was there before, and an array that is larger takes nobody’s place', async () => {
    const { open, folder } = await openCache();
    const keys = Array.from('0123456789', keyOf);
    for (const key of keys) await open().put(key, large(1));
    const small = open({ maxBytes: 10_000 });
    await small.put(keyOf('e'), large(2));
    expect(await bytesIn(folder)).toBeLessThanOrEqual(10_000);
    const before = await readdir(folder);
    await small.put(keyOf('f'), { data: new Float32Array(5000), dims: [5000] });
    expect(await readdir(folder)).toEqual(before);
  });

  it('of 0 keeps nothing and removes what is there', async () => {
    const { open, folder, troubles } = await openCache();
    await open().put(A, VALUE);
    const off = open({ maxBytes: 0 });
    expect(await off.get(keyOf('b'))).toBeUndefined();
    await off.put(keyOf('b'), VALUE);
    await off.sweep();
    expect(await readdir(folder)).toEqual([]);
    expect(troubles).toEqual([]);
  });
});

it('an entry is used for so long and no longer, however often it is, and then removed', async () => {
  let now = Date.now();
  const { cache, folder } = await openCache({ maxAgeMs: 10_000, now: () => now });
  await cache.put(A, VALUE);
  await cache.put(keyOf('b'), VALUE);
  for (let i = 0; i < 3; i++) {
    now += 3000;
    expect(await cache.get(A)).toEqual(VALUE);
  }
  now += 3000;
  expect(await cache.get(A)).toBeUndefined();
  expect(await readdir(folder)).toEqual([keyOf('b')]);
  await cache.sweep();
  expect(await readdir(folder)).toEqual([]);
});

it('what a killed process left half-written goes, what another is writing and what is not ours stays', async () => {
  const { cache, folder } = await openCache({ maxBytes: 100 });
  await mkdir(folder, { recursive: true });
  const [old, fresh] = [`${A}.0123456789abcdef.tmp`, `${keyOf('b')}.0123456789abcdef.tmp`];
  for (const name of [old, fresh, 'README']) await writeFile(join(folder, name), Buffer.alloc(200));
  const hourAgo = new Date(Date.now() - 3_600_000);
  for (const name of [old, 'README']) await utimes(join(folder, name), hourAgo, hourAgo);
  await cache.sweep();
  expect((await readdir(folder)).sort()).toEqual(['README', fresh].sort());
});

it('many that write and read the same keys at once see whole arrays or none', async () => {
  const { open, folder, troubles } = await openCache({ maxBytes: 30_000 });
  const keys = Array.from('0123456789', keyOf);
  const work = async (): Promise<void> => {
    const cache = open();
    for (const [i, key] of keys.entries()) {
      await cache.put(key, large(i));
      const at = (i * 7) % keys.length;
      const found = await cache.get(keys[at]!);
      if (found !== undefined) expect(found).toEqual(large(at));
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  await open().sweep();
  expect(await bytesIn(folder)).toBeLessThanOrEqual(30_000);
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  expect(troubles).toEqual([]);
});
