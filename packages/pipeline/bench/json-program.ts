import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { z } from 'zod';

/**
 * Runs a program and reads the last line that it prints as JSON. Throws AppError `internal` if it cannot be started, or ends with
 * anything but 0, and `canceled` after `signal` was aborted, which ends the program.
 */
export async function jsonFromProgram<T>(
  schema: z.ZodType<T>,
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<T> {
  const what = `${basename(program)} ${basename(args[0] ?? '')}`;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], signal, killSignal: 'SIGKILL' });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8');
  });
  child.on('error', (cause) => {
    if (signal.aborted) reject(new AppError('canceled', 'The bench was stopped.'));
    else reject(new AppError('internal', `${what} cannot be started: ${cause.message}`));
  });
  child.on('close', (code, killedBy) => {
    if (code === 0) resolve(out);
    else reject(new AppError('internal', `${what} ended with ${code ?? killedBy}.`));
  });
  return schema.parse(JSON.parse((await promise).trim().split('\n').at(-1) ?? 'null'));
}
