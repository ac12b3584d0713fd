import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { startWatchedProgram } from '@qwen-edit/cli/watched-program';

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
 * Runs a JavaScript tool with this Node, which passes signals on to it. `ok` says whether it exited with 0. With `inherit` its output goes to the terminal
 * and is not returned.
 */
export async function runTool(
  script: string,
  args: readonly string[],
  cwd: string,
  stdio: 'pipe' | 'inherit' = 'pipe',
): Promise<ToolResult> {
  const { child, ended, stopCode } = startWatchedProgram({
    node: process.execPath,
    file: script,
    args,
    cwd,
    input: 'ignore',
    output: stdio,
  });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise((resolve) => child.once('close', resolve));
  try {
    const code = await ended;
    // Whoever stops the tools does not want the next ones to begin.
    if (stopCode() !== undefined) process.exit(stopCode());
    await closed;
    return { ok: code === 0, output: Buffer.concat(chunks).toString('utf8') };
  } catch (error) {
    return { ok: false, output: String(error) };
  }
}
