import { expect, it } from 'vitest';
import { createByteBudget } from './byte-budget.ts';

it('shares together hold no more than the budget, and give all of it back', () => {
  const budget = createByteBudget(10, () => undefined);
  const [one, two] = [budget.open(), budget.open()];
  one.hold(6);
  two.hold(4);
  expect(() => two.hold(1)).toThrowError(expect.objectContaining({ code: 'not_ready' }));
  expect(budget.held()).toBe(10);
  one.close();
  one.close();
  expect(budget.held()).toBe(4);
  two.hold(6);
  two.close();
  expect(budget.held()).toBe(0);
});

it('what was given back is collected before others take it, and when there is much of it', async () => {
  let collections = 0;
  const { promise: collected, resolve } = Promise.withResolvers<void>();
  const budget = createByteBudget(100, () => {
    collections++;
    resolve();
  });
  const [one, two] = [budget.open(), budget.open()];
  one.hold(20);
  one.release(10);
  two.hold(70);
  expect(collections, 'there is room beside the garbage').toBe(0);
  two.hold(15);
  expect(collections).toBe(1);
  one.release(1000);
  expect(budget.held()).toBe(85);
  const again = collected.then(() => collections);
  expect(await again).toBe(1);
  two.close();
  for (const end = Date.now() + 60_000; collections < 2 && Date.now() < end; )
    await new Promise((r) => setTimeout(r, 5));
  expect(collections, 'a quarter of the budget is garbage').toBe(2);
});
