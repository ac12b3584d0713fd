import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ERRORS } from '@qwen-edit/contract';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ObjectStore } from '../object-store.ts';
import { readObject } from '../read-object.ts';
import { createS3Store, type S3Options } from './s3-store.ts';

/** Idle connections stay: where node:http closes one as the client sends its next request, that fails. */
const NEVER_CLOSED = { keepAliveTimeout: 0 };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const PNG = { mediaType: 'image/png' };
const X = new TextEncoder().encode('x');
const HEADERS = { etag: '"1"', 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT', 'content-type': 'image/png' };

/** A store on a server of this test that answers, one request after the other, as told; the last answer repeats. */
async function storeThat(answers: Answer[], options: S3Options = {}): Promise<{ store: ObjectStore; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer(NEVER_CLOSED, (request, response) => {
    request.resume();
    const answer = answers[Math.min(seen.length, answers.length - 1)];
    seen.push(`${request.method} ${request.url}`);
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const store = createS3Store({
    bucket: 'bucket',
    prefix: 'p',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forcePathStyle: true,
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    maxAttempts: 2,
    ...options,
  });
  onTestFinished(async () => {
    await store.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { store, seen };
}

const fails =
  (status: number, code: string): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>told so</Message></Error>`);
  };
const gives =
  (text: string): Answer =>
  (_, response) =>
    response.writeHead(200, { ...HEADERS, 'content-length': text.length }).end(text);
const read = (store: ObjectStore) => readObject(store, 'a/b', { maxBytes: 1e6 });

describe('a body that comes in part is noticed, and may be asked for again', () => {
  const lost =
    (stream: (response: ServerResponse) => void): Answer =>
    (_, response) => {
      response.writeHead(200, { ...HEADERS, 'content-length': 100_000 });
      response.write('x'.repeat(50_000), () => stream(response));
    };

  it.each<[string, Answer]>([
    ['the connection ends in mid-body', lost((response) => response.socket?.end())],
    ['the connection is reset in mid-body', lost((response) => response.socket?.resetAndDestroy())],
    ['nothing more comes', lost(() => undefined)],
    [
      'the length is not told and the end is missing',
      (_, response) => {
        response.writeHead(200, HEADERS);
        response.write('x');
        setImmediate(() => response.socket?.end());
      },
    ],
  ])('%s', async (_, answer) => {
    const { store } = await storeThat([answer], { idleTimeoutMs: 300 });
    await expect(read(store)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(ERRORS.storage_unavailable.retryable).toBe(true);
  });
});

describe('what S3 refuses', () => {
  it.each([
    [fails(500, 'InternalError'), 2],
    [fails(503, 'SlowDown'), 2],
    [fails(429, 'TooManyRequests'), 2],
    [fails(403, 'AccessDenied'), 1],
  ])('is tried again where that helps: %#', async (answer, requests) => {
    const { store, seen } = await storeThat([answer]);
    await expect(read(store)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(seen).toHaveLength(requests);
  });

  it('once is forgotten when the next attempt succeeds', async () => {
    const { store, seen } = await storeThat([fails(503, 'SlowDown'), gives('fine')]);
    expect(new TextDecoder().decode(await read(store))).toBe('fine');
    expect(seen).toEqual(Array(2).fill('GET /bucket/p/a/b?x-id=GetObject'));
  });

  it.each([
    [403, 'AccessDenied', 'storage_unavailable', /AWS_ACCESS_KEY_ID/],
    [403, 'SignatureDoesNotMatch', 'storage_unavailable', /AWS_ACCESS_KEY_ID/],
    [403, 'RequestTimeTooSkewed', 'storage_unavailable', /clock/],
    [404, 'NoSuchBucket', 'storage_unavailable', /STORAGE_URL/],
    [301, 'PermanentRedirect', 'storage_unavailable', /AWS_REGION/],
    [507, 'XMinioStorageFull', 'disk_full', /space/],
  ])('%d %s says what to check', async (status, name, code, hint) => {
    const { store } = await storeThat([fails(status, name)]);
    const expected = { code, hint: expect.stringMatching(hint) };
    await expect(read(store)).rejects.toMatchObject(expected);
    await expect(store.put('a', X, PNG)).rejects.toMatchObject(expected);
    await expect(Array.fromAsync(store.list(''))).rejects.toMatchObject(expected);
  });

  it('a key that cannot be deleted is named', async () => {
    const { store } = await storeThat([
      (_, response) =>
        response.end(
          '<DeleteResult><Error><Key>p/a</Key><Code>AccessDenied</Code></Error><Error><Key>p/b</Key><Code>NoSuchKey</Code></Error></DeleteResult>',
        ),
    ]);
    await expect(store.delete(['a', 'b'])).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('p/a (AccessDenied)'),
    });
  });
});

describe('a store that does not answer', () => {
  it('is left after its time', async () => {
    const { store } = await storeThat([() => undefined], { requestTimeoutMs: 200, maxAttempts: 1 });
    await expect(read(store)).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(store.check()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('is left at once when the caller cancels, also in a put', async () => {
    const abort = new AbortController();
    const { store } = await storeThat([() => abort.abort()]);
    await expect(store.head('a', { signal: abort.signal })).rejects.toMatchObject({ code: 'canceled' });
    const again = new AbortController();
    const other = await storeThat([() => again.abort()]);
    await expect(other.store.put('a', X, { ...PNG, signal: again.signal })).rejects.toMatchObject({ code: 'canceled' });
  });

  it('where nothing listens, the endpoint is named', async () => {
    const { store } = await storeThat([], { endpoint: 'http://127.0.0.1:1', maxAttempts: 1 });
    await expect(store.check()).rejects.toMatchObject({
      code: 'storage_unavailable',
      hint: expect.stringContaining('AWS_ENDPOINT_URL_S3'),
    });
  });
});
