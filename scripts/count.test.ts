import { expect, it } from 'vitest';
import { addCounts, countTests, summaryLine } from './count.ts';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

it('counts passed and failed tests over all files', () => {
  const report = { testResults: [file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed')] };
  expect(countTests(report, false)).toEqual({ passed: 3, failed: 1 });
});

it('counts a file that did not load as one failure', () => {
  expect(countTests({ testResults: [file('passed', 'passed'), file('failed')] }, false)).toEqual({
    passed: 1,
    failed: 1,
  });
});

it('counts a failure when vitest crashed, left no report, or found no test', () => {
  expect(countTests(undefined, false)).toEqual({ passed: 0, failed: 1 });
  expect(countTests(undefined, true)).toEqual({ passed: 0, failed: 1 });
  expect(countTests({ testResults: [] }, true)).toEqual({ passed: 0, failed: 1 });
});

it('counts a failure when all tests passed and the run failed all the same', () => {
  expect(countTests({ testResults: [file('passed', 'passed')] }, false)).toEqual({ passed: 1, failed: 1 });
});

it('prints the sum of all counts as the last line', () => {
  expect(
    summaryLine(
      addCounts([
        { passed: 1, failed: 0 },
        { passed: 40, failed: 2 },
      ]),
    ),
  ).toBe('41 passed, 2 failed');
});
