import { expect, it } from 'vitest';
import { answer } from './index.ts';

it('is the answer', () => {
  expect(answer).toBe(42);
});
