import { expect, it } from 'vitest';
import { slowestFiles } from './slowest-files.ts';

const report = {
  testResults: [
    { name: '/repo/a.test.ts', startTime: 1000, endTime: 2500 },
    { name: '/repo/test/b.test.ts', startTime: 0, endTime: 62_000 },
    { name: '/repo/c.test.ts', startTime: 5, endTime: 5 },
  ],
};

it('the slowest test files come first, with their seconds', () => {
  expect(slowestFiles(report, '/repo', 2)).toEqual(['   62.0 s  test/b.test.ts', '    1.5 s  a.test.ts']);
});

it('a run without a report has no slowest files', () => {
  expect(slowestFiles(undefined, '/repo', 10)).toEqual([]);
});
