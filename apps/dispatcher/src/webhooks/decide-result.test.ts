import { expect, it } from 'vitest';
import { DISPATCHER_DEFAULTS } from '../deps.ts';
import { decideResult } from './decide-result.ts';

const now = new Date('2030-01-01T00:00:00Z');
const rules = (attempt: number, random = 0.5) => ({
  attempt,
  retryMs: DISPATCHER_DEFAULTS.webhookRetryMs,
  random: () => random,
  now,
});

it('2xx is delivered', () => {
  for (const status of [200, 201, 204, 299])
    expect(decideResult({ status }, rules(0))).toEqual({ status: 'delivered' });
});

it('every other answer, or none, is tried again after 5 s, 5 min, 30 min, 2 h, 5 h and 10 h, and then has failed', () => {
  const seconds = [5, 300, 1800, 7200, 18_000, 36_000];
  for (const status of [undefined, 100, 301, 400, 404, 500, 503]) {
    const delays = seconds.map((_, attempt) => decideResult({ status }, rules(attempt)));
    expect(delays).toEqual(seconds.map((each) => ({ status: 'pending', delayMs: each * 1000 })));
    expect(decideResult({ status }, rules(6))).toEqual({ status: 'failed' });
  }
});

it('many deliveries do not come back in the same moment', () => {
  expect(decideResult({ status: 500 }, rules(0, 0))).toEqual({ status: 'pending', delayMs: 4500 });
  expect(decideResult({ status: 500 }, rules(0, 1))).toEqual({ status: 'pending', delayMs: 5500 });
});

it('410 ends the attempts', () => {
  expect(decideResult({ status: 410 }, rules(0))).toEqual({ status: 'failed' });
});

it.each([
  ['60', 60_000],
  ['1', 5000],
  ['Tue, 01 Jan 2030 00:02:00 GMT', 120_000],
  ['Mon, 31 Dec 2029 00:00:00 GMT', 5000],
  ['999999999', 86_400_000],
  ['soon', 5000],
  ['-5', 5000],
])('Retry-After: %s of a busy receiver means %d ms', (retryAfter, delayMs) => {
  for (const status of [429, 503]) {
    expect(decideResult({ status, retryAfter }, rules(0))).toEqual({ status: 'pending', delayMs });
  }
  expect(decideResult({ status: 500, retryAfter }, rules(0))).toEqual({ status: 'pending', delayMs: 5000 });
});
