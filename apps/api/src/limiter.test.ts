import { expect, it } from 'vitest';
import { createLimiter } from './limiter.ts';

it('as many tasks run as may, in order, also after failures', async () => {
  const run = createLimiter(2);
  let running = 0;
  let most = 0;
  const order: number[] = [];
  const tasks = Array.from({ length: 10 }, (_, n) =>
    run(async () => {
      most = Math.max(most, ++running);
      order.push(n);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      if (n % 3 === 0) throw new Error('no');
      return n;
    }).catch(() => -1),
  );
  expect(await Promise.all(tasks)).toEqual([-1, 1, 2, -1, 4, 5, -1, 7, 8, -1]);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(most).toBe(2);
});
