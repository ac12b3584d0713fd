import { getEventListeners } from 'node:events';
import { AppError } from '@qwen-edit/contract';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { timeLimit } from './time-limit.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => undefined);
const limit = { ms: 2500, late: 'queue_unavailable' } as const;

it('settles as the work does', async () => {
  await expect(timeLimit(async () => 7, limit)).resolves.toBe(7);
  const failure = new TypeError('no');
  await expect(timeLimit(() => Promise.reject(failure), limit)).rejects.toBe(failure);
  expect(vi.getTimerCount()).toBe(0);
});

it('work that throws before it returns a promise leaves no timer', async () => {
  const failure = new TypeError('no');
  const work = (): Promise<void> => {
    throw failure;
  };
  await expect(timeLimit(work, limit)).rejects.toBe(failure);
  expect(vi.getTimerCount()).toBe(0);
});

it('work that is late rejects with the code, and is told to end', async () => {
  let told: AbortSignal | undefined;
  const answer = timeLimit((signal) => {
    told = signal;
    return never();
  }, limit);
  const refused = expect(answer).rejects.toMatchObject({ code: 'queue_unavailable', message: 'No answer for 2.5 s.' });
  await vi.advanceTimersByTimeAsync(2499);
  expect(told?.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await refused;
  expect(told?.aborted).toBe(true);
});

it('the error of late work can be made by the caller', async () => {
  const late = new AppError('not_ready', 'Later.');
  const refused = expect(timeLimit(never, { ms: 1, late: () => late })).rejects.toBe(late);
  await vi.advanceTimersByTimeAsync(1);
  await refused;
});

it('an abort ends the wait at once with `canceled`, and work that listens ends too', async () => {
  const controller = new AbortController();
  let told: AbortSignal | undefined;
  const answer = timeLimit(
    (signal) => {
      told = signal;
      return never();
    },
    { ...limit, signal: controller.signal },
  );
  controller.abort('enough');
  await expect(answer).rejects.toMatchObject({ code: 'canceled', cause: 'enough' });
  expect(told?.aborted).toBe(true);
});

it('a signal that has aborted already cancels the wait, but the work was begun', async () => {
  const work = vi.fn(never);
  const answer = timeLimit(work, { ...limit, signal: AbortSignal.abort() });
  await expect(answer).rejects.toMatchObject({ code: 'canceled' });
  expect(work).toHaveBeenCalledOnce();
});

it('what late work fails with is no unhandled rejection, and no listener stays', async () => {
  const { signal } = new AbortController();
  const work = Promise.withResolvers<void>();
  const refused = expect(timeLimit(() => work.promise, { ...limit, signal })).rejects.toBeInstanceOf(AppError);
  await vi.advanceTimersByTimeAsync(2500);
  await refused;
  work.reject(new TypeError('too late'));
  await vi.advanceTimersByTimeAsync(1);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
