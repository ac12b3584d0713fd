import { expect, it } from 'vitest';
import { createByteBudget } from './byte-budget.ts';

it('shares together hold no more than the budget, and give all of it back', () => {
  const budget = createByteBudget(10);
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
