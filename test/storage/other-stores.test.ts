import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createStore,
  type ObjectStore,
  ObjectsKept,
  readObject,
  type S3Options,
  tryDelete,
} from '../../packages/storage/src/index.ts';
import {
  type FakeS3,
  keysToDelete,
  type S3Answer,
  type S3Request,
  s3Error,
  startFakeS3,
  xml,
} from '../support/fake-s3.ts';

const PNG = { mediaType: 'image/png' };
const KEYS = Array.from({ length: 20 }, (_, i) => `inputs/${i}`);

function open(fake: FakeS3, changes: S3Options = {}): ObjectStore {
  return createStore('s3://bucket', { s3: { ...fake.options, ...changes } });
}
function fill(fake: FakeS3, keys: readonly string[] = KEYS): void {
  for (const key of keys) fake.objects.set(key, Buffer.from('x'));
}
const together = ({ seen }: FakeS3): number => seen.filter((each) => each === 'POST delete').length;
const newChecksum = ({ headers, url }: S3Request): boolean =>
  [...Object.keys(headers), ...[...url.searchParams.keys()].map((name) => name.toLowerCase())].some((name) =>
    /^x-amz-(sdk-)?checksum|^x-amz-trailer$/.test(name),
  ) || /aws-chunked/.test(headers['content-encoding'] ?? '');

const onlyTogether =
  (answer: S3Answer | ((request: S3Request) => S3Answer | undefined)) =>
  (request: S3Request): S3Answer | undefined => {
    if (!request.multiDelete) return undefined;
    return typeof answer === 'function' ? answer(request) : answer;
  };

/** How stores answer a DeleteObjects that they do not take, and how many of them are sent before and after that is known. */
const STORES: readonly [name: string, answer: FakeS3['answer'], first: number, later: number][] = [
  ['takes no new checksum', onlyTogether((r) => (newChecksum(r) ? s3Error(400, 'InvalidArgument') : undefined)), 1, 1],
  [
    'wants Content-MD5',
    onlyTogether((r) => (r.headers['content-md5'] ? undefined : s3Error(400, 'InvalidRequest'))),
    1,
    1,
  ],
  [
    'takes no Content-MD5',
    onlyTogether((r) => (r.headers['content-md5'] ? s3Error(400, 'InvalidRequest') : undefined)),
    2,
    1,
  ],
  ['has no DeleteObjects: 501', onlyTogether(s3Error(501, 'NotImplemented')), 2, 0],
  ['has no DeleteObjects: 500', onlyTogether(s3Error(500, 'NotImplemented')), 2, 0],
  ['has no DeleteObjects: 405', onlyTogether(s3Error(405, 'MethodNotAllowed')), 2, 0],
  ['has no DeleteObjects: 404', onlyTogether({ status: 404, body: '<html>no such page</html>' }), 2, 0],
  ['wants a length', onlyTogether(s3Error(411, 'MissingContentLength')), 2, 0],
  ['cannot read it', onlyTogether(s3Error(400, 'MalformedXML')), 2, 0],
  ['cannot verify it', onlyTogether(s3Error(403, 'SignatureDoesNotMatch')), 2, 0],
  ['says nothing but 400', onlyTogether({ status: 400 }), 2, 0],
  ['answers an error with 200', onlyTogether({ ...s3Error(200, 'NotImplemented') }), 2, 0],
  ['answers a page with 200', onlyTogether({ status: 200, body: '<html><p>Welcome</html>' }), 2, 0],
  ['answers nothing with 200', onlyTogether({ status: 200 }), 2, 0],
  ['answers 204', onlyTogether({ status: 204 }), 2, 0],
  ['names no object', onlyTogether(xml('DeleteResult', '')), 2, 0],
  [
    'refuses each object',
    onlyTogether(({ body }) =>
      xml(
        'DeleteResult',
        keysToDelete(body)
          .map((key) => `<Error><Key>${key}</Key><Code>NotImplemented</Code></Error>`)
          .join(''),
      ),
    ),
    2,
    0,
  ],
];

describe.each(STORES)('a store that %s', (_, answer, first, later) => {
  it('deletes all the same, and is asked in the form that it takes from then on', async () => {
    const fake = await startFakeS3(answer);
    const store = open(fake);
    fill(fake);
    await store.delete(KEYS);
    expect([...fake.objects.keys()]).toEqual([]);
    expect(together(fake)).toBeLessThanOrEqual(first);
    const before = together(fake);
    fill(fake);
    await store.delete(KEYS);
    expect([...fake.objects.keys()]).toEqual([]);
    expect(together(fake) - before).toBe(later);
    await store.close();
  });
});

it('a store that takes no new checksums takes everything that is asked of it', async () => {
  const refused: string[] = [];
  const fake = await startFakeS3((request) => {
    if (!newChecksum(request)) return undefined;
    refused.push(`${request.method} ${request.url}`);
    return s3Error(400, 'InvalidArgument');
  });
  const store = open(fake);
  const large = randomBytes(9 * 2 ** 20);
  await store.check();
  await store.put('small', new Uint8Array(3), PNG);
  await store.put('large', large, PNG);
  expect(await readObject(store, 'large', { maxBytes: large.length })).toEqual(new Uint8Array(large));
  expect(await store.head('small')).toMatchObject({ bytes: 3 });
  expect(await Array.fromAsync(store.list(''))).toHaveLength(2);
  expect(await store.sweepTemporary(0)).toBe(0);
  const upload = await store.presignPut('up', { expiresSeconds: 60, mediaType: 'image/png', bytes: 3 });
  expect((await fetch(upload, { method: 'PUT', body: 'abc', headers: { 'content-type': 'image/png' } })).status).toBe(
    200,
  );
  expect(await (await fetch(await store.presignGet('up', { expiresSeconds: 60 }))).text()).toBe('abc');
  await store.delete(['small', 'large', 'up']);
  expect([...fake.objects.keys()]).toEqual([]);
  expect(refused).toEqual([]);
  await store.close();
});

describe('what is not deleted is not called deleted', () => {
  const locked = 'inputs/7';
  it.each<[string, FakeS3['answer']]>([
    ['denied in an answer of 200', onlyTogether(({ body }) => partly(body, 'AccessDenied'))],
    [
      'in trouble in an answer of 200, and when it is asked for alone',
      (request) => {
        if (request.multiDelete) return partly(request.body, 'InternalError');
        return request.key === locked ? s3Error(500, 'InternalError') : undefined;
      },
    ],
    [
      'missing in an answer of 200, and denied when it is asked for alone',
      (request) => {
        if (request.multiDelete) return partly(request.body);
        return request.key === locked ? s3Error(403, 'AccessDenied') : undefined;
      },
    ],
    [
      'refused by a store that deletes singly',
      (request) => {
        if (request.multiDelete) return s3Error(501, 'NotImplemented');
        return request.key === locked ? s3Error(403, 'AccessDenied') : undefined;
      },
    ],
  ])('an object that is %s', async (_, answer) => {
    const fake = await startFakeS3(answer);
    deleting = fake;
    fill(fake);
    const store = open(fake);
    const failure = await store.delete(KEYS).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(ObjectsKept);
    expect(failure).toMatchObject({ code: 'storage_unavailable', message: expect.stringContaining(locked) });
    expect([...fake.objects.keys()]).toEqual([locked]);
    const { deleted, kept } = await tryDelete(store, KEYS);
    expect(kept).toEqual([{ key: locked, reason: expect.stringMatching(/AccessDenied|InternalError/) }]);
    expect(deleted).toHaveLength(KEYS.length - 1);
    await store.close();
  });

  let deleting: FakeS3;
  /** Deletes all but the locked one, of which it says this, or nothing. */
  function partly(body: Buffer, code?: string): S3Answer {
    const keys = keysToDelete(body);
    for (const key of keys) if (key !== locked) deleting.objects.delete(key);
    const entries = keys.map((key) => {
      if (key !== locked) return `<Deleted><Key>${key}</Key></Deleted>`;
      return code === undefined ? '' : `<Error><Key>${key}</Key><Code>${code}</Code></Error>`;
    });
    return xml('DeleteResult', entries.join(''));
  }

  it('a key without an object counts as deleted, whatever the store says of it', async () => {
    const fake = await startFakeS3(({ method, multiDelete }) => {
      if (multiDelete) return s3Error(501, 'NotImplemented');
      return method === 'DELETE' ? s3Error(404, 'NoSuchKey') : undefined;
    });
    const store = open(fake);
    await store.delete(KEYS);
    await store.close();
  });

  it.each([
    [403, 'AccessDenied', /s3:DeleteObject/],
    [404, 'NoSuchBucket', /STORAGE_URL/],
    [503, 'SlowDown', /./],
  ])(
    'a store that refuses everything with %i %s says so, and is not asked for each object if that is in vain',
    async (status, code, hint) => {
      const fake = await startFakeS3(() => s3Error(status, code));
      const store = open(fake);
      await expect(store.delete(KEYS)).rejects.toMatchObject({
        code: 'storage_unavailable',
        hint: expect.stringMatching(hint),
      });
      if (status !== 403) expect(fake.seen.length).toBeLessThanOrEqual(10);
      expect((await tryDelete(store, KEYS)).kept).toHaveLength(KEYS.length);
      await store.close();
    },
  );

  it('a caller that cancels is left in no doubt', async () => {
    const abort = new AbortController();
    const fake = await startFakeS3((request) => {
      if (request.multiDelete) return s3Error(501, 'NotImplemented');
      abort.abort();
      return undefined;
    });
    const store = open(fake);
    await expect(store.delete(KEYS, { signal: abort.signal })).rejects.toMatchObject({ code: 'canceled' });
    await store.close();
  });
});
