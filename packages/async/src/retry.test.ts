import { expect, it, vi } from 'vitest';
import { retry } from './retry.ts';

const backoff = (failures: number): number => failures * 100;
const failing = (times: number, result = 'done') => {
  let calls = 0;
  return vi.fn(async () => {
    if (++calls <= times) throw new TypeError(`failure ${calls}`);
    return result;
  });
};

it('tries until the work succeeds, after delays that the backoff says', async () => {
  const { signal } = new AbortController();
  const sleep = vi.fn(async () => undefined);
  const onFailure = vi.fn();
  await expect(retry(failing(3), { backoff, signal, sleep, onFailure })).resolves.toBe('done');
  expect(sleep.mock.calls).toEqual([
    [100, signal],
    [200, signal],
    [300, signal],
  ]);
  expect(onFailure.mock.calls.map(([, failures]) => failures)).toEqual([1, 2, 3]);
});

it('an error that another try cannot change is thrown at once', async () => {
  const { signal } = new AbortController();
  const work = failing(9);
  const shouldRetry = (_: unknown, failures: number): boolean => failures < 2;
  await expect(retry(work, { backoff, signal, shouldRetry, sleep: async () => undefined })).rejects.toThrow(
    'failure 2',
  );
  expect(work).toHaveBeenCalledTimes(2);
});

it('an abort while it waits throws the last error', async () => {
  const controller = new AbortController();
  const work = failing(9);
  const sleep = async (): Promise<void> => controller.abort();
  await expect(retry(work, { backoff, signal: controller.signal, sleep })).rejects.toThrow('failure 1');
  expect(work).toHaveBeenCalledTimes(1);
});

it('a success counts although the signal aborts meanwhile', async () => {
  const controller = new AbortController();
  const work = async (): Promise<string> => {
    controller.abort();
    return 'done';
  };
  await expect(retry(work, { backoff, signal: controller.signal })).resolves.toBe('done');
});

it('a failure after the abort is thrown and not reported', async () => {
  const onFailure = vi.fn();
  await expect(retry(failing(1), { backoff, signal: AbortSignal.abort(), onFailure })).rejects.toThrow('failure 1');
  expect(onFailure).not.toHaveBeenCalled();
});
