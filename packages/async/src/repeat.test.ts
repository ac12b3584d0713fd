import { expect, it, vi } from 'vitest';
import { repeat } from './repeat.ts';

/** Runs one round for each entry of the script. Returns the delays and the reports. */
async function run(script: readonly (number | 'fails')[], more: { firstAfterMs?: number } = {}) {
  const controller = new AbortController();
  const slept: number[] = [];
  const reported: (number | 'works again')[] = [];
  const left = [...script];
  await repeat(
    async () => {
      const next = left.shift();
      if (left.length === 0) controller.abort();
      if (typeof next === 'number') return next;
      throw new TypeError('no');
    },
    {
      signal: controller.signal,
      backoff: (failures) => failures * 1000,
      onFailure: (_, failures) => reported.push(failures),
      onRecovery: () => reported.push('works again'),
      sleep: async (ms) => void slept.push(ms),
      ...more,
    },
  );
  return { slept, reported };
}

it('waits after each round as long as the round says, and not at all for 0', async () => {
  expect(await run([5, 0, 7, 9])).toEqual({ slept: [5, 7, 9], reported: [] });
});

it('failures in a row are counted, wait longer each time, and begin anew after a success', async () => {
  const { slept, reported } = await run(['fails', 'fails', 5, 'fails', 5, 5]);
  expect(slept).toEqual([1000, 2000, 5, 1000, 5, 5]);
  expect(reported).toEqual([1, 2, 'works again', 1, 'works again']);
});

it('a long round can say in its middle that it works: a failure after that is the first of a new row', async () => {
  const controller = new AbortController();
  const reported: (number | 'works again')[] = [];
  let rounds = 0;
  await repeat(
    async (_, works) => {
      if (++rounds === 4) controller.abort();
      if (rounds === 3) works();
      if (rounds < 4) throw new TypeError('no');
      return 0;
    },
    {
      signal: controller.signal,
      backoff: () => 0,
      onFailure: (_, failures) => reported.push(failures),
      onRecovery: () => reported.push('works again'),
    },
  );
  expect(reported).toEqual([1, 2, 'works again', 1, 'works again']);
});

it('can wait before the first round', async () => {
  expect((await run([5, 6], { firstAfterMs: 3 })).slept).toEqual([3, 5, 6]);
});

it('a failure after the abort is not reported', async () => {
  expect((await run([5, 'fails'])).reported).toEqual([]);
});

it('no round begins after the abort, and the round under way is waited for', async () => {
  const controller = new AbortController();
  const round = vi.fn(() => under.promise);
  const under = Promise.withResolvers<number>();
  const options = { signal: controller.signal, backoff: () => 0, onFailure: () => undefined };
  let ended = false;
  const loop = repeat(round, options).then(() => {
    ended = true;
  });
  controller.abort();
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toBe(false);
  under.resolve(0);
  await loop;
  await repeat(round, options);
  expect(round).toHaveBeenCalledTimes(1);
});
