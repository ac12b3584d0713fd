import type { JobEvent } from '@qwen-edit/contract';
import { expect } from 'vitest';

export interface EventStream {
  /** Events so far. */
  readonly events: readonly JobEvent[];
  /** Resolves with the events when so many are there. */
  untilCount(count: number): Promise<readonly JobEvent[]>;
  /** Resolves when the stream has ended, however. */
  readonly ended: Promise<void>;
  /** Cuts the connection. */
  cut(): void;
}

/** Follows the events of a job as a browser does, after `lastId`. Source: HTML, section 9.2, server-sent events. */
export async function openEvents(api: string, jobId: string, lastId?: string): Promise<EventStream> {
  const connection = new AbortController();
  const response = await fetch(`${api}/v1/jobs/${jobId}/events`, {
    headers: { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
    signal: connection.signal,
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const events: JobEvent[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  const read = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data === undefined) continue;
        const event = JSON.parse(data) as JobEvent;
        expect(/^id: (.*)$/m.exec(block)?.[1]).toBe(event.id);
        events.push(event);
      }
      wake();
    }
  };
  let over = false;
  const ended = read(response.body!)
    // A connection that breaks off is one way to end.
    .catch(() => undefined)
    .finally(() => {
      over = true;
      wake();
    });
  return {
    events,
    ended,
    untilCount: (count) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (events.length < count && !over) return;
          waiting.delete(look);
          if (events.length >= count) resolve([...events]);
          else reject(new Error(`the stream ended after ${events.length} events, not ${count}`));
        };
        waiting.add(look);
        look();
      }),
    cut: () => connection.abort(),
  };
}

/** 1 to n, where n is the last, in order and without a gap. */
export function expectGapless(events: readonly JobEvent[]): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
}
