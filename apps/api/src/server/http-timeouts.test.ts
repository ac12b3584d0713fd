import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { DEFAULT_KEEP_ALIVE_MS, httpTimeouts } from './http-timeouts.ts';

it('an idle connection is kept for longer than the 60 s of nginx, Kong and the balancers of AWS', () => {
  expect(DEFAULT_KEEP_ALIVE_MS).toBeGreaterThan(60_000);
  expect(httpTimeouts().keepAliveTimeout).toBe(DEFAULT_KEEP_ALIVE_MS);
});

it.each([1, 1000, 61_003, 75_000, 620_000, 3_600_000])(
  'with %d ms, headers have longer, and the whole request not less',
  (ms) => {
    const timeouts = httpTimeouts({ keepAliveMs: ms });
    expect(timeouts.headersTimeout).toBeGreaterThan(ms);
    expect(timeouts.requestTimeout).toBeGreaterThanOrEqual(timeouts.headersTimeout!);
    // node:http refuses timeouts that contradict each other.
    createServer(timeouts);
  },
);
