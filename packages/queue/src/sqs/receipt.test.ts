import { expect, it } from 'vitest';
import { handleOf, seconds, visibilityOf, writeReceipt } from './receipt.ts';

const HOUR = 3_600_000;
const receipt = writeReceipt('AQEB handle+/=', 1_000);

it('the handle of SQS comes back as it was', () => {
  expect(handleOf(receipt)).toBe('AQEB handle+/=');
});

it('visibility is in whole seconds and never shorter than asked for', () => {
  expect([0, 1, 1000, 1001, 13 * HOUR].map(seconds)).toEqual([0, 1, 1, 2, 43_200]);
  expect(visibilityOf(receipt, 1500, 1_000)).toBe(2);
});

it('a message is not hidden beyond 12 hours after its receipt', () => {
  expect(visibilityOf(receipt, 20 * HOUR, 1_000)).toBe(43_140);
  expect(visibilityOf(receipt, 20 * HOUR, 1_000 + 11 * HOUR)).toBe(3540);
  expect(visibilityOf(receipt, HOUR, 1_000 + 12 * HOUR)).toBe(0);
});
