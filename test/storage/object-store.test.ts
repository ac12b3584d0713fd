import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { CreateMultipartUploadCommand, S3Client } from '@aws-sdk/client-s3';
import { AppError } from '@qwen-edit/contract';
import { type ObjectStore, readObject } from '@qwen-edit/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containerSuites } from '../services.ts';
import { FILE, type OpenedStore, PREFIX, S3 } from './drivers.ts';

const PNG = { mediaType: 'image/png' };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const code = (expected: string) => expect.objectContaining({ name: 'AppError', code: expected });

async function text(store: ObjectStore, key: string): Promise<string | undefined> {
  const data = await readObject(store, key, { maxBytes: 1e8 });
  return data === undefined ? undefined : new TextDecoder().decode(data);
}

async function* pieces(...parts: (string | Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield typeof part === 'string' ? bytes(part) : part;
  }
}

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** Open files and sockets of this process; 0 where the system does not tell. */
const openFiles = (): number => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);

describe.each([FILE, ...(await containerSuites(S3))])('$name', ({ kind, listsUploads = false, start }) => {
  let opened: OpenedStore;
  let store: ObjectStore;
  beforeAll(async () => {
    opened = await start();
    store = opened.open();
  }, 180_000);
  afterAll(async () => {
    await store?.close();
    await opened?.close();
  });

  describe('put and get', () => {
    it('what was put comes back, byte for byte, with its media type', async () => {
      const data = randomBytes(100_000);
      const put = await store.put('a/b/picture.png', data, { mediaType: 'image/png' });
      expect(put).toMatchObject({ key: 'a/b/picture.png', bytes: 100_000, mediaType: 'image/png' });
      expect(put.etag).toMatch(/^"[^"]+"$/);
      const found = await store.get('a/b/picture.png');
      expect({ ...found?.info, lastModified: put.lastModified }).toEqual(put);
      expect(Math.abs(found!.info.lastModified.getTime() - Date.now())).toBeLessThan(60_000);
      expect(sha256(await new Response(Readable.toWeb(found!.body) as ReadableStream).bytes())).toBe(sha256(data));
      expect(await store.head('a/b/picture.png')).toEqual(found?.info);
    });

    it('a stream of unknown length comes back whole, in one part or several', async () => {
      for (const size of [1, 5 * 2 ** 20, 20 * 2 ** 20 + 7]) {
        const data = randomBytes(size);
        const stream = Readable.from(pieces(...chunksOf(data, 300_001)), { objectMode: false });
        expect((await store.put('stream', stream, PNG)).bytes).toBe(size);
        expect(sha256((await readObject(store, 'stream', { maxBytes: size }))!)).toBe(sha256(data));
      }
    });

    it('nothing is also something', async () => {
      expect(await store.put('empty', new Uint8Array(), PNG)).toMatchObject({ bytes: 0 });
      expect(await text(store, 'empty')).toBe('');
      await store.put('empty', pieces(), PNG);
      expect(await text(store, 'empty')).toBe('');
    });

    it('what is not there is undefined, not an error', async () => {
      expect(await store.get('none/there')).toBeUndefined();
      expect(await store.head('none/there')).toBeUndefined();
      expect(await readObject(store, 'none/there', { maxBytes: 1 })).toBeUndefined();
    });

    it('other content has another tag', async () => {
      const first = await store.put('tagged', bytes('one'), PNG);
      const second = await store.put('tagged', bytes('two'), { mediaType: 'image/webp' });
      expect(second.etag).not.toBe(first.etag);
      expect(await store.head('tagged')).toMatchObject({ etag: second.etag, mediaType: 'image/webp' });
      expect(await text(store, 'tagged')).toBe('two');
    });

    it('a reader sees the old object or the new one, whole', async () => {
      const [old, next] = ['a', 'b'].map((letter) => bytes(letter.repeat(300_000)));
      await store.put('swapped', old!, PNG);
      const seen = new Set<string>();
      let writing = true;
      const write = (async () => {
        for (let i = 0; i < 15; i++) await store.put('swapped', i % 2 === 0 ? next! : old!, PNG);
        writing = false;
      })();
      while (writing) seen.add((await text(store, 'swapped'))!);
      await write;
      expect([...seen].every((all) => /^(a{300000}|b{300000})$/.test(all))).toBe(true);
    });

    it('the whole object in memory only where it is small enough', async () => {
      await store.put('big', bytes('x'.repeat(1000)), PNG);
      await expect(readObject(store, 'big', { maxBytes: 999 })).rejects.toEqual(code('request_too_large'));
      expect(await readObject(store, 'big', { maxBytes: 1000 })).toHaveLength(1000);
    });
  });

  describe('ranges', () => {
    beforeAll(() => store.put('digits', bytes('0123456789'), PNG));

    it.each([
      [0, 0, '0'],
      [2, 4, '234'],
      [9, 9, '9'],
      [5, 999, '56789'],
      [0, Number.MAX_SAFE_INTEGER, '0123456789'],
    ])('bytes %d to %d', async (start, end, expected) => {
      const found = await store.get('digits', { range: { start, end } });
      expect(await new Response(Readable.toWeb(found!.body) as ReadableStream).text()).toBe(expected);
      expect(found!.info.bytes).toBe(10);
    });

    it('one that begins behind the object is refused', async () => {
      await expect(store.get('digits', { range: { start: 10, end: 12 } })).rejects.toEqual(
        code('range_not_satisfiable'),
      );
      await store.put('empty', new Uint8Array(), PNG);
      await expect(store.get('empty', { range: { start: 0, end: 0 } })).rejects.toEqual(code('range_not_satisfiable'));
    });

    it.each([
      [-1, 5],
      [5, 4],
      [0.5, 2],
      [Number.NaN, 2],
    ])('%d to %d is none', async (start, end) => {
      await expect(store.get('digits', { range: { start, end } })).rejects.toEqual(code('invalid_parameter'));
    });
  });

  describe('a put that does not succeed changes nothing', () => {
    beforeAll(() => store.put('kept', bytes('as it was'), PNG));
    const large = [...chunksOf(randomBytes(9 * 2 ** 20), 1_000_000)];

    it('when the body fails, at once or in a later part, with the error of the body', async () => {
      for (const before of [[], ['begun'], large]) {
        const failure = new Error('the caller went away');
        await expect(store.put('kept', pieces(...before, failure), PNG)).rejects.toBe(failure);
        await expect(store.put('kept', Readable.from(pieces(...before, failure)), PNG)).rejects.toBe(failure);
      }
      expect(await text(store, 'kept')).toBe('as it was');
    });

    it('when the body is larger than it may be', async () => {
      for (const body of [bytes('12345'), pieces('123', '45'), pieces(...large)]) {
        await expect(store.put('kept', body, { ...PNG, maxBytes: 4 })).rejects.toEqual(code('request_too_large'));
      }
      await expect(store.put('kept', pieces(...large), { ...PNG, maxBytes: 9 * 2 ** 20 - 1 })).rejects.toEqual(
        code('request_too_large'),
      );
      expect(await text(store, 'kept')).toBe('as it was');
      await store.put('just-fits', pieces('123', '45'), { ...PNG, maxBytes: 5 });
      expect(await text(store, 'just-fits')).toBe('12345');
    });

    it('when it is cancelled before it begins, or while the body is silent; the body is ended', async () => {
      await expect(store.put('kept', bytes('x'), { ...PNG, signal: AbortSignal.abort() })).rejects.toEqual(
        code('canceled'),
      );
      for (const before of [['begun'], large]) {
        const abort = new AbortController();
        const body = new Readable({ read() {} });
        for (const piece of before) body.push(piece);
        const put = store.put('kept', body, { ...PNG, signal: abort.signal });
        const ended = new Promise((resolve) => body.once('close', resolve));
        abort.abort();
        await expect(put).rejects.toEqual(code('canceled'));
        await ended;
      }
      expect(await text(store, 'kept')).toBe('as it was');
    });
  });

  describe('a get that is not read to its end', () => {
    it('ends with `canceled` when its signal says so', async () => {
      await store.put('long', randomBytes(8 * 2 ** 20), PNG);
      const abort = new AbortController();
      const { body } = (await store.get('long', { signal: abort.signal }))!;
      const reading = (async () => {
        for await (const _ of body) abort.abort();
      })();
      await expect(reading).rejects.toEqual(code('canceled'));
      await expect(store.get('long', { signal: abort.signal })).rejects.toEqual(code('canceled'));
    });

    it('leaves no file or socket open', async () => {
      const data = randomBytes(4 * 2 ** 20);
      await store.put('long', data, PNG);
      const before = openFiles();
      const other = opened.open();
      for (let i = 0; i < 20; i++) {
        const unread = await other.get('long');
        unread!.body.destroy();
        const { body } = (await other.get('long'))!;
        for await (const _ of body) break;
        const failed = await other.get('long');
        failed!.body.on('error', () => undefined).destroy(new Error('the consumer failed'));
        await readObject(other, 'long', { maxBytes: 10 }).catch(() => undefined);
      }
      await other.close();
      await expect.poll(openFiles, { timeout: 5000 }).toBeLessThanOrEqual(before);
    });
  });

  describe('list and delete', () => {
    it('lists in the order of bytes, by prefixes that may end in mid-name', async () => {
      const keys = ['a', 'a-b', 'a.b', 'a0', 'b-', 'b/a', 'b/c/d', 'b0', 'B', 'a_/x'].map((key) => `order/${key}`);
      await Promise.all(keys.map((key) => store.put(key, bytes('four'), PNG)));
      await store.put('order2', bytes('x'), PNG);
      expect(await keysOf(store, 'order')).toEqual([...keys, 'order2'].sort());
      expect(await keysOf(store, 'order/')).toEqual(keys.toSorted());
      expect(await keysOf(store, 'order/b')).toEqual(['order/b-', 'order/b/a', 'order/b/c/d', 'order/b0']);
      expect(await keysOf(store, 'order/b/')).toEqual(['order/b/a', 'order/b/c/d']);
      expect(await keysOf(store, 'order/b/c/d')).toEqual(['order/b/c/d']);
      expect(await keysOf(store, 'nothing/here')).toEqual([]);
      expect(await Array.fromAsync(store.list('order/b-'))).toEqual([
        { key: 'order/b-', bytes: 4, lastModified: expect.any(Date) },
      ]);
    });

    it('more than a page of keys are listed and deleted; deleting again is no error', async () => {
      const keys = Array.from({ length: 1100 }, (_, i) => `many/${String(i).padStart(5, '0')}`);
      for (let i = 0; i < keys.length; i += 50) {
        await Promise.all(keys.slice(i, i + 50).map((key) => store.put(key, bytes('x'), PNG)));
      }
      await store.put('many-more', bytes('stays'), PNG);
      expect(await keysOf(store, 'many/')).toEqual(keys);
      await store.delete(keys);
      expect(await keysOf(store, 'many')).toEqual(['many-more']);
      await store.delete(keys);
      await store.delete([]);
    });

    it('a listing can be left early and stopped by its signal', async () => {
      await Promise.all(['s/1', 's/2', 's/3'].map((key) => store.put(key, bytes('x'), PNG)));
      for await (const { key } of store.list('s/')) {
        expect(key).toBe('s/1');
        break;
      }
      await expect(Array.fromAsync(store.list('s/', { signal: AbortSignal.abort() }))).rejects.toEqual(
        code('canceled'),
      );
    });
  });

  describe('a key cannot leave the store', () => {
    it.each([
      '',
      '/',
      '/etc/passwd',
      '..',
      '../x',
      'a/../../x',
      'a/./b',
      'a//b',
      'a/',
      'a\0b',
      'a\\b',
      'ü',
      'a b',
      '~tmp/x',
      '.hidden',
      'C:x',
      'a%2fb',
      'x'.repeat(600),
    ])('%j', async (key) => {
      const refused = code('invalid_parameter');
      await expect(store.put(key, bytes('x'), PNG)).rejects.toEqual(refused);
      await expect(store.get(key)).rejects.toEqual(refused);
      await expect(store.head(key)).rejects.toEqual(refused);
      await expect(store.delete(['fine', key])).rejects.toEqual(refused);
      await expect(store.presignGet(key, { expiresSeconds: 60 })).rejects.toEqual(refused);
      await expect(store.presignPut(key, { expiresSeconds: 60 })).rejects.toEqual(refused);
    });

    it.each(['..', '../', '/', 'a/../', 'a//'])('nor can the prefix %j', async (prefix) => {
      await expect(Array.fromAsync(store.list(prefix))).rejects.toEqual(code('invalid_parameter'));
    });

    it.each(['', 'png', 'image/png\r\nx-evil: 1', `a/${'b'.repeat(300)}`])('%j is no media type', async (mediaType) => {
      await expect(store.put('typed', bytes('x'), { mediaType })).rejects.toEqual(code('invalid_parameter'));
    });
  });

  describe('signed addresses', () => {
    beforeAll(() => store.put('signed/picture.png', bytes('picture'), PNG));

    it('anyone reads by one, under the name that it carries', async () => {
      const plain = await fetch(await store.presignGet('signed/picture.png', { expiresSeconds: 60 }));
      expect([plain.status, plain.headers.get('content-type'), await plain.text()]).toEqual([
        200,
        'image/png',
        'picture',
      ]);
      const url = await store.presignGet('signed/picture.png', {
        expiresSeconds: 60,
        fileName: 'Bär "1".png',
        mediaType: 'application/octet-stream',
      });
      const named = await fetch(url);
      expect(named.headers.get('content-disposition')).toBe(
        `attachment; filename="B_r _1_.png"; filename*=UTF-8''B%C3%A4r%20%221%22.png`,
      );
      expect(named.headers.get('content-type')).toBe('application/octet-stream');
      await named.body?.cancel();
    });

    it('anyone writes by one', async () => {
      const url = await store.presignPut('signed/upload', { expiresSeconds: 60, mediaType: 'image/webp', bytes: 3 });
      const put = (body: string, type: string) =>
        fetch(url, { method: 'PUT', body, headers: { 'content-type': type } });
      expect((await put('abc', 'text/html')).status).toBe(403);
      expect((await put('abcd', 'image/webp')).status).toBe(403);
      expect(await store.head('signed/upload')).toBeUndefined();
      expect((await put('abc', 'image/webp')).status).toBe(200);
      expect(await store.head('signed/upload')).toMatchObject({ bytes: 3, mediaType: 'image/webp' });
    });

    it('one that is forged is refused', async () => {
      const url = await store.presignGet('signed/picture.png', { expiresSeconds: 60 });
      await store.put('signed/picture2png', bytes('other'), PNG);
      const forged = [
        url.replace('picture.png', 'picture2png'),
        url.replace(/((?:Expires|expires)=)\d+/, '$16000'),
        url.replace(/([Ss]ignature=)..../, '$10000'),
      ];
      for (const address of forged) {
        expect(address).not.toBe(url);
        expect((await fetch(address)).status).toBe(403);
      }
      expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
      expect((await fetch(url.replace(/&[^&]*[Ss]ignature=[^&]*/, ''))).ok).toBe(false);
      expect(await text(store, 'signed/picture.png')).toBe('picture');
    });

    it('one that has expired is refused', async () => {
      const get = await store.presignGet('signed/picture.png', { expiresSeconds: 1 });
      const put = await store.presignPut('signed/late', { expiresSeconds: 1 });
      await expect.poll(async () => (await fetch(get)).status, { timeout: 10_000 }).toBe(403);
      await expect
        .poll(async () => (await fetch(put, { method: 'PUT', body: 'x' })).status, { timeout: 10_000 })
        .toBe(403);
      for (const expiresSeconds of [0, -1, 0.5, 604_801, Number.NaN]) {
        await expect(store.presignGet('signed/picture.png', { expiresSeconds })).rejects.toBeInstanceOf(AppError);
      }
    });
  });

  describe('check', () => {
    it('passes where the store can be used', async () => {
      await store.check();
      await expect(store.check(AbortSignal.abort())).rejects.toEqual(code('canceled'));
    });

    it('says what to do where it cannot; so does every call, and none takes it for a missing object', async () => {
      const lost = opened.lost();
      const calls = [
        () => lost.check(),
        () => lost.put('x', bytes('x'), PNG),
        () => lost.get('x'),
        () => lost.head('x'),
        () => lost.delete(['x']),
        () => Array.fromAsync(lost.list('')),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({
          code: 'storage_unavailable',
          hint: expect.stringMatching(/STORAGE_URL/),
        });
      }
      await lost.close();
    });
  });

  if (kind === 's3') {
    it('addresses are signed for the endpoint that those who get them reach', async () => {
      const publicEndpoint = opened.aws!.endpoint.replace(/localhost|127\.0\.0\.1/, '[::ffff:127.0.0.1]');
      const other = opened.open({ publicEndpoint });
      await other.put('seen/outside', bytes('x'), PNG);
      const url = await other.presignGet('seen/outside', { expiresSeconds: 60 });
      expect(new URL(url).hostname).toBe(new URL(publicEndpoint).hostname);
      expect(await (await fetch(url)).text()).toBe('x');
      await other.close();
    });

    it('parts of an upload that was killed are swept when they are old enough', async () => {
      const { endpoint, region, credentials } = opened.aws!;
      const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
      await client.send(new CreateMultipartUploadCommand({ Bucket: opened.bucket, Key: `${PREFIX}/killed` }));
      await client.send(new CreateMultipartUploadCommand({ Bucket: opened.bucket, Key: 'of-somebody-else' }));
      client.destroy();
      expect(await store.sweepTemporary(3_600_000)).toBe(0);
      expect(await store.sweepTemporary(0)).toBe(listsUploads ? 1 : 0);
    });
  }

  it('nothing that was begun above and not ended is left behind', async () => {
    expect(await store.sweepTemporary(0)).toBe(0);
  });
});

function* chunksOf(data: Uint8Array, size: number): Generator<Uint8Array> {
  for (let i = 0; i < data.length; i += size) yield data.subarray(i, i + size);
}
