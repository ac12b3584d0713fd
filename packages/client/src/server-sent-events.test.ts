import { expect, it } from 'vitest';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

async function readAll(...chunks: readonly string[]): Promise<ServerSentEvent[]> {
  const bytes = chunks.map((chunk) => new TextEncoder().encode(chunk));
  const events: ServerSentEvent[] = [];
  for await (const event of readServerSentEvents(ReadableStream.from(bytes))) events.push(event);
  return events;
}

const read = async (...chunks: readonly string[]): Promise<string[]> =>
  (await readAll(...chunks)).map(({ data }) => data);

it('reads events with their ids, and skips comments and names', async () => {
  expect(await readAll(': hello\n\nid: job:1\nevent: x\ndata: {"a":1}\n\ndata:2\n\n')).toEqual([
    { id: 'job:1', data: '{"a":1}' },
    { id: undefined, data: '2' },
  ]);
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
