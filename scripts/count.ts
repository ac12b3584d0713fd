/** How many checks or tests passed and failed. */
export interface Count {
  readonly passed: number;
  readonly failed: number;
}

export function addCounts(counts: readonly Count[]): Count {
  return {
    passed: counts.reduce((sum, count) => sum + count.passed, 0),
    failed: counts.reduce((sum, count) => sum + count.failed, 0),
  };
}

/** The last line of `npm run check` and `npm test`. */
export function summaryLine({ passed, failed }: Count): string {
  return `${passed} passed, ${failed} failed`;
}

/**
 * Counts the tests of vitest's JSON report. A file that failed to load counts as one failure, and so does a run that
 * crashed, found no test, or failed for a reason that no test shows.
 */
export function countTests(report: unknown, exitedWithZero: boolean): Count {
  const files = listOf(report, 'testResults');
  const tests = files.flatMap((file) => listOf(file, 'assertionResults'));
  const passed = tests.filter((test) => statusOf(test) === 'passed').length;
  const failedTests = tests.filter((test) => statusOf(test) === 'failed').length;
  const brokenFiles = files.filter((file) => {
    const named = listOf(file, 'assertionResults').some((test) => statusOf(test) === 'failed');
    return statusOf(file) === 'failed' && !named;
  }).length;
  const failed = failedTests + brokenFiles;
  const unexplained = failed === 0 && (!exitedWithZero || passed === 0);
  return { passed, failed: unexplained ? 1 : failed };
}

function listOf(value: unknown, key: string): unknown[] {
  const list = fieldOf(value, key);
  return Array.isArray(list) ? list : [];
}

function statusOf(value: unknown): unknown {
  return fieldOf(value, 'status');
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
