import { createBackoff, pause } from '@qwen-edit/async';
import {
  AppError,
  ERRORS,
  isTerminalEvent,
  type JobEvent,
  knownEvent,
  type ReadableEvent,
  readableEventSchema,
} from '@qwen-edit/contract';
import { jobPath } from './client.ts';
import type { Requester } from './request.ts';
import { readServerSentEvents } from './server-sent-events.ts';

const BACKOFF = { firstMs: 500, maxMs: 5_000 };
/** Tries in a row without an event, after which the service counts as gone. */
const TRIES = 10;

/** Events after `after` until the final one. A stream that ends early is opened again after the last event seen. */
export async function* watchEvents(
  request: Requester,
  jobId: string,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobEvent> {
  const backoff = createBackoff(BACKOFF);
  let last = after;
  let failures = 0;
  for (;;) {
    try {
      for await (const read of streamOnce(request, jobId, last, signal)) {
        last = read.seq;
        failures = 0;
        const event = knownEvent(read);
        if (event === undefined) continue;
        yield event;
        if (isTerminalEvent(event.type)) return;
      }
    } catch (thrown) {
      if (signal?.aborted === true) throw new AppError('canceled', 'Watching was cancelled.');
      if (thrown instanceof AppError && !ERRORS[thrown.code].retryable) throw thrown;
      if (failures >= TRIES) throw new AppError('service_unreachable', 'The service went away.', { cause: thrown });
    }
    failures++;
    await pause(backoff(failures), signal);
    if (signal?.aborted === true) throw new AppError('canceled', 'Watching was cancelled.');
  }
}

async function* streamOnce(
  request: Requester,
  jobId: string,
  last: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<ReadableEvent> {
  const headers = { accept: 'text/event-stream', ...(last > 0 ? { 'last-event-id': `${jobId}:${last}` } : {}) };
  const init = { headers, ...(signal === undefined ? {} : { signal }) };
  const response = await request.call(`${jobPath(jobId)}/events`, init, async (answer) => answer);
  if (response.body === null) return;
  for await (const { data } of readServerSentEvents(response.body)) yield readableEventSchema.parse(JSON.parse(data));
}
