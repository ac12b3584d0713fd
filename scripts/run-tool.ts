import { spawn } from 'node:child_process';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';

/** The path of a script inside an installed package. */
export function toolScript(packageName: string, file: string): string {
  const manifest = findPackageJSON(packageName, import.meta.url);
  if (manifest === undefined) throw new Error(`${packageName} is not installed: run \`npm ci\``);
  return join(dirname(manifest), file);
}

/** How a tool ended, and what it printed. */
export interface ToolResult {
  readonly ok: boolean;
  readonly output: string;
}

/**
 * Runs a JavaScript tool with this Node. `ok` says whether it exited with 0. With `inherit` its output goes to the terminal
 * and is not returned.
 */
export function runTool(
  script: string,
  args: readonly string[],
  cwd: string,
  stdio: 'pipe' | 'inherit' = 'pipe',
): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], { cwd, stdio: ['ignore', stdio, stdio] });
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString('utf8') }));
  });
}
