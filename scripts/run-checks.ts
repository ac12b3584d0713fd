import { join } from 'node:path';
import { addCounts, type Count, summaryLine } from './count.ts';
import { STATIC_CHECKS, type StaticCheck } from './static-checks.ts';
import { runVitest } from './vitest-run.ts';

const root = join(import.meta.dirname, '..');

/** Runs the static checks, then vitest. The last line printed is the count; the exit code says whether all passed. */
export async function runChecks(vitestArguments: readonly string[]): Promise<void> {
  const counts: Count[] = [];
  try {
    counts.push(...(await Promise.all(Object.values(STATIC_CHECKS).map(runStaticCheck))));
    counts.push(await runVitest(root, vitestArguments));
  } catch (error) {
    console.error(error);
    counts.push({ passed: 0, failed: 1 });
  }

  const count = addCounts(counts);
  console.log(summaryLine(count));
  process.exitCode = count.failed === 0 ? 0 : 1;
}

async function runStaticCheck({ name, run }: StaticCheck): Promise<Count> {
  const started = performance.now();
  const { ok, output } = await run(root);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${ok ? '✓' : '✗'} ${name} (${seconds} s)`);
  if (!ok) console.log(output.trimEnd());
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1 };
}
