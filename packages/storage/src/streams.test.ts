import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { AppError } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { exactly, feed } from './streams.ts';

const toError = (thrown: unknown): AppError =>
  thrown instanceof AppError ? thrown : new AppError('storage_unavailable', 'the source failed', { cause: thrown });
const of = (...texts: string[]): Readable => Readable.from(texts.map((text) => Buffer.from(text)));

describe('a stream of a known length', () => {
  it.each([
    ['', 0],
    ['abcdef', 6],
  ])('passes %j', async (text, length) => {
    expect((await buffer(exactly(of(text), length, { toError }))).toString()).toBe(text);
  });

  it('fails rather than end early or late', async () => {
    for (const length of [5, 7]) {
      await expect(buffer(exactly(of('abc', 'def'), length, { toError }))).rejects.toMatchObject({
        code: 'storage_unavailable',
      });
    }
  });

  it('turns the error of its source', async () => {
    const source = new Readable({ read() {} });
    const reading = buffer(exactly(source, 5, { toError }));
    source.destroy(new Error('ECONNRESET'));
    await expect(reading).rejects.toMatchObject({ code: 'storage_unavailable', message: 'the source failed' });
  });

  it('destroys its source when it is destroyed, or left, or cancelled', async () => {
    const abort = new AbortController();
    const ends: ((stream: Readable) => void)[] = [
      (stream) => stream.destroy(),
      (stream) => stream.destroy(new Error('consumer')),
      () => abort.abort(),
    ];
    for (const end of ends) {
      const source = new Readable({ read() {} });
      const closed = new Promise((resolve) => source.once('close', resolve));
      const stream = exactly(source, 5, { toError, signal: abort.signal });
      stream.on('error', () => undefined);
      end(stream);
      await closed;
    }
  });
});

describe('a feed', () => {
  it('ends a body that was never read, when the store fails first', async () => {
    const body = new Readable({ read() {} });
    const closed = new Promise((resolve) => body.once('close', resolve));
    const failure = new Error('the store failed');
    await expect(feed(body, {}, () => Promise.reject(failure))).rejects.toBe(failure);
    await closed;
  });

  it('cancels a web stream, also while it is silent', async () => {
    const abort = new AbortController();
    const cancelled = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Uint8Array.of(1)),
      cancel: () => cancelled.resolve(),
    });
    const reading = feed(body, { signal: abort.signal }, async ({ chunks }) => {
      for await (const _ of chunks) setImmediate(() => abort.abort());
    });
    await expect(reading).rejects.toMatchObject({ code: 'canceled' });
    await cancelled.promise;
  });

  it('lets go of a generator that waits for what never comes', async () => {
    const abort = new AbortController();
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(1);
      await new Promise(() => undefined);
    }
    const reading = feed(silent(), { signal: abort.signal }, async ({ chunks }) => {
      for await (const _ of chunks) setImmediate(() => abort.abort());
    });
    await expect(reading).rejects.toMatchObject({ code: 'canceled' });
  });
});
