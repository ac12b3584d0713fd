import { AppError, ERRORS, isTerminalEvent, type JobEvent, jobEventSchema } from '@qwen-edit/contract';
import { pathOf, type Request } from './client.ts';
import { readServerSentEvents } from './server-sent-events.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** Tries in a row without an event, before the caller is told that the service is gone. */
const TRIES = 10;

/** Events after `after` until the final one. A stream that ends early is opened again after the last event seen. */
export async function* watchEvents(
  request: Request,
  jobId: string,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobEvent> {
  let last = after;
  let failures = 0;
  for (;;) {
    try {
      for await (const event of streamOnce(request, jobId, last, signal)) {
        last = event.seq;
        failures = 0;
        yield event;
        if (isTerminalEvent(event.type)) return;
      }
    } catch (thrown) {
      if (signal?.aborted === true) throw new AppError('canceled', 'Watching was cancelled.');
      if (thrown instanceof AppError && !ERRORS[thrown.code].retryable) throw thrown;
      if (failures >= TRIES) throw new AppError('service_unreachable', 'The service went away.', { cause: thrown });
    }
    failures++;
    await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures), signal);
  }
}

/** Waits; rejects with AppError `canceled` when `signal` aborts. Without node:timers, as browsers have none. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(new AppError('canceled', 'Watching was cancelled.'));
  const timer = setTimeout(resolve, ms);
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

async function* streamOnce(
  request: Request,
  jobId: string,
  last: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<JobEvent> {
  const headers = { accept: 'text/event-stream', ...(last > 0 ? { 'last-event-id': `${jobId}:${last}` } : {}) };
  const response = await request(`${pathOf(jobId)}/events`, { headers, ...(signal === undefined ? {} : { signal }) });
  if (response.body === null) return;
  for await (const data of readServerSentEvents(response.body)) yield jobEventSchema.parse(JSON.parse(data));
}
