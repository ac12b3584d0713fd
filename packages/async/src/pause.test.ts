import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { pause } from './pause.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('waits as long as it is told', async () => {
  const end = vi.fn();
  const waiting = pause(1000).then(end);
  await vi.advanceTimersByTimeAsync(999);
  expect(end).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  await waiting;
});

it('an abort ends it without an error, and neither a timer nor a listener stays', async () => {
  const { signal, abort } = withAbort();
  const waiting = pause(60_000, signal);
  abort();
  await waiting;
  expect(vi.getTimerCount()).toBe(0);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

it('no listener stays after a full wait', async () => {
  const { signal } = withAbort();
  const waiting = pause(10, signal);
  await vi.advanceTimersByTimeAsync(10);
  await waiting;
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

it('a signal that has aborted already lets nobody wait', async () => {
  await pause(60_000, AbortSignal.abort());
  expect(vi.getTimerCount()).toBe(0);
});

function withAbort() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
