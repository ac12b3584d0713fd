import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a program and gives its standard output. Rejects as the promisified execFile of Node does. */
export type RunTool = (
  program: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal },
) => Promise<string>;

/** Programs of this machine. */
export const runCardTool: RunTool = async (program, args, options) => {
  const { stdout } = await promisify(execFile)(program, [...args], { ...options, encoding: 'utf8', windowsHide: true });
  return stdout;
};

/** How a program ended. */
export interface ToolEnd {
  /** `missing`: it could not be started; `late`: it was ended, as it took too long. */
  readonly end: 'done' | 'failed' | 'missing' | 'late';
  /** What it said on both outputs. */
  readonly text: string;
}

/** A driver that hangs lets its tool hang too, and the tool is not always ended by a signal: the wait for it ends in any case. */
export async function endOfTool(run: RunTool, program: string, args: readonly string[], ms: number): Promise<ToolEnd> {
  const limit = AbortSignal.timeout(ms);
  const late = new Promise<ToolEnd>((resolve) =>
    limit.addEventListener('abort', () => resolve({ end: 'late', text: '' }), { once: true }),
  );
  const ended = run(program, args, { signal: limit }).then(
    (text): ToolEnd => ({ end: 'done', text }),
    (thrown: unknown): ToolEnd => {
      if (limit.aborted) return { end: 'late', text: '' };
      const text = ['stdout', 'stderr'].map((output) => textOf(thrown, output)).join('\n');
      return { end: text.trim() === '' && !hasExitCode(thrown) ? 'missing' : 'failed', text };
    },
  );
  return Promise.race([ended, late]);
}

function textOf(thrown: unknown, output: string): string {
  const value: unknown = typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, output) : undefined;
  return typeof value === 'string' ? value : '';
}

const hasExitCode = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && typeof Reflect.get(thrown, 'code') === 'number';
