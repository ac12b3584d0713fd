import { AppError } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { createBreaker } from './breaker.ts';
import { WORKER_DEFAULTS } from './deps.ts';
import type { AttemptOutcome } from './end-attempt.ts';

const open = () =>
  createBreaker({ options: { ...WORKER_DEFAULTS, retryFirstMs: 1000, retryMaxMs: 60_000 }, random: () => 0.5 });

const SUCCEEDED: AttemptOutcome = { status: 'succeeded' };
const STOPPED: AttemptOutcome = { status: 'released' };
const CANNOT: AttemptOutcome = { status: 'released', error: new AppError('storage_unavailable', 'no') };
const crash = new AppError('engine_crashed', 'no');
const PAID: AttemptOutcome = { status: 'retried', error: crash, delayMs: 0 };
const FORGIVEN: AttemptOutcome = { status: 'released', error: crash };

it('after each failure of its own a worker waits twice as long, up to a limit, and a success ends that', () => {
  const breaker = open();
  const waits = Array.from({ length: 8 }, () => breaker.note('a', CANNOT).waitMs);
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  expect(breaker.isOpen()).toBe(true);
  expect(breaker.note('a', SUCCEEDED).waitMs).toBe(0);
  expect(breaker.isOpen()).toBe(false);
  expect(breaker.note('a', CANNOT).waitMs).toBe(1000);
});

it('a job that is given back because the worker is stopped, or that pays for itself, is no failure of the worker', () => {
  const breaker = open();
  for (const outcome of [STOPPED, PAID, { status: 'lost' } as const]) expect(breaker.note('a', outcome).waitMs).toBe(0);
  expect(breaker.isOpen()).toBe(false);
});

it('the third job in a row at which the engine fails makes it the worker’s, and the others are forgiven once', () => {
  const breaker = open();
  expect(breaker.isStreak('a')).toBe(false);
  breaker.note('a', PAID);
  breaker.note('a', PAID);
  // One job alone may fail as often as it likes.
  expect(breaker.isStreak('a')).toBe(false);
  expect(breaker.isStreak('b')).toBe(false);
  breaker.note('b', PAID);
  expect(breaker.isStreak('c')).toBe(true);
  expect(breaker.note('c', FORGIVEN)).toEqual({ waitMs: 1000, forgive: ['a', 'b'] });
  expect(breaker.note('d', FORGIVEN).forgive).toEqual([]);
  breaker.note('e', SUCCEEDED);
  expect(breaker.isStreak('c')).toBe(false);
});

it('trouble of the storage forgives no crash', () => {
  const breaker = open();
  breaker.note('a', PAID);
  expect(breaker.note('b', CANNOT).forgive).toEqual([]);
});
