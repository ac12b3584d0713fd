import { expect, it } from 'vitest';
import { readServerSentEvents } from './server-sent-events.ts';

async function read(...chunks: readonly string[]): Promise<string[]> {
  const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk));
  const events: string[] = [];
  for await (const data of readServerSentEvents(ReadableStream.from(bytes))) events.push(data);
  return events;
}

it('reads events, and skips comments, names and ids', async () => {
  expect(await read(': hello\n\nid: 1\nevent: x\ndata: {"a":1}\n\ndata:2\n\n')).toEqual(['{"a":1}', '2']);
});

it('an event may be cut anywhere', async () => {
  const text = 'data: one\r\ndata: two\r\n\r\ndata: 图片\r\n\r\n';
  for (let at = 0; at <= text.length; at++) {
    expect(await read(text.slice(0, at), text.slice(at))).toEqual(['one\ntwo', '图片']);
  }
});

it('an event that was not finished is no event', async () => {
  expect(await read('data: one\n\ndata: half')).toEqual(['one']);
});
