import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Count } from './count.ts';
import { countTests } from './count.ts';
import { runTool, toolScript } from './run-tool.ts';

/** Runs vitest with its output on the terminal and returns how many tests passed and failed. */
export async function runVitest(root: string, args: readonly string[]): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-tests-'));
  try {
    const report = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const { ok } = await runTool(toolScript('vitest', 'vitest.mjs'), ['run', ...reporters, ...args], root, 'inherit');
    return countTests(await readReport(report), ok);
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
