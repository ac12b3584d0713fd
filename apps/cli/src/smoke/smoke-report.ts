import type { NamedOutcome, SmokeRun } from './run-smoke.ts';

const WORDS = { passed: 'ok', failed: 'failed', skipped: 'skipped' } as const;
const RESULT_WIDTH = 'skipped'.length;
const NAME_WIDTH = 'idempotency'.length;

/** A line for a check, with the remedy below it. */
export function smokeLine({ name, result, detail, hint }: NamedOutcome): string {
  const indent = ' '.repeat(RESULT_WIDTH + NAME_WIDTH + 4);
  const line = `${WORDS[result].padEnd(RESULT_WIDTH)}  ${name.padEnd(NAME_WIDTH)}  ${detail}\n`;
  return hint === undefined || result !== 'failed' ? line : `${line}${indent}to do: ${hint}\n`;
}

export function smokeSummary({ checks }: SmokeRun, seconds: number): string {
  const { passed, failed, skipped } = countResults(checks);
  return `${passed} ok, ${failed} failed, ${skipped} skipped, in ${seconds.toFixed(1)} s\n`;
}

/** One JSON object about a run, for programs. */
export function smokeJson(url: string, { checks, serviceVersion }: SmokeRun): string {
  const told = checks.map(({ name, result, ms, detail, hint }) => ({ name, result, ms, detail, hint: hint ?? null }));
  return `${JSON.stringify({ url, version: serviceVersion, ...countResults(checks), checks: told })}\n`;
}

function countResults(checks: readonly NamedOutcome[]) {
  const count = (wanted: NamedOutcome['result']): number => checks.filter(({ result }) => result === wanted).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}
