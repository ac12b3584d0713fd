import { describe, expect, it } from 'vitest';
import { planWindows, toWindowOrder } from './windows.ts';

describe('windows of 4 × 4 merge units', () => {
  it('a grid that divides evenly has full windows, row by row', () => {
    const plan = planWindows({ rows: 16, columns: 16 }, 2, 4);
    expect([plan.windows, plan.length]).toEqual([4, 64]);
    expect([...plan.order.subarray(0, 6)]).toEqual([0, 1, 2, 3, 8, 9]);
    expect([...plan.order.subarray(16, 20)]).toEqual([4, 5, 6, 7]);
    expect(plan.bias.every((value) => value === 0)).toBe(true);
    expect([...plan.gather]).toEqual(Array.from({ length: 256 }, (_, i) => BigInt(i)));
  });

  it('windows at the right and the bottom edge are smaller, filled up and masked', () => {
    // 5 × 6 merge units: windows of 16, 8, 4 and 2 units.
    const plan = planWindows({ rows: 10, columns: 12 }, 2, 4);
    expect([plan.windows, plan.length]).toEqual([4, 64]);
    expect([...plan.order.subarray(16, 24)]).toEqual([4, 5, 10, 11, 16, 17, 22, 23]);
    expect([...plan.order.subarray(24)]).toEqual([24, 25, 26, 27, 28, 29]);
    const patches = [64, 32, 16, 8];
    for (const [window, count] of patches.entries()) {
      for (const query of [0, 63]) {
        const row = plan.bias.subarray((window * 64 + query) * 64, (window * 64 + query + 1) * 64);
        expect([...row].filter((value) => value === 0)).toHaveLength(count);
        expect(row.subarray(0, count).every((value) => value === 0)).toBe(true);
        expect(row.subarray(count).every((value) => value < -1e8)).toBe(true);
      }
    }
  });

  it.each([
    [2, 2],
    [2, 20],
    [14, 6],
    [26, 28],
  ])('%d × %d patches: there and back again is where one was', (rows, columns) => {
    const plan = planWindows({ rows, columns }, 2, 4);
    const count = rows * columns;
    expect([...plan.order].sort((a, b) => a - b)).toEqual(Array.from({ length: count / 4 }, (_, i) => i));
    for (const [place, unit] of plan.order.entries()) expect(plan.reverse[unit]).toBe(BigInt(place));
    expect(plan.scatter).toHaveLength(count);
    expect(new Set(plan.scatter).size).toBe(count);
    for (const [patch, place] of plan.scatter.entries()) expect(plan.gather[Number(place)]).toBe(BigInt(patch));
    expect(plan.gather).toHaveLength(plan.windows * plan.length);
  });
});

it('rows move in whole merge units', () => {
  const rows = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
  expect([...toWindowOrder(rows, Int32Array.of(2, 0, 1), 2, 2)]).toEqual([9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8]);
});
