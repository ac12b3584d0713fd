import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Count } from './count.ts';
import { countTests } from './count.ts';
import { runTool, toolScript } from './run-tool.ts';
import { slowestFiles } from './slowest-files.ts';

const SLOWEST = 10;

/** Runs vitest with its output on the terminal, names the slowest files, and returns how many tests passed and failed. */
export async function runVitest(root: string, args: readonly string[]): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-tests-'));
  try {
    const reportFile = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const { ok } = await runTool(toolScript('vitest', 'vitest.mjs'), ['run', ...reporters, ...args], root, 'inherit');
    const report = await readReport(reportFile);
    console.log(['Slowest test files:', ...slowestFiles(report, root, SLOWEST)].join('\n'));
    return countTests(report, ok);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readReport(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
