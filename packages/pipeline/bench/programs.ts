import { spawn } from 'node:child_process';
import { basename, join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { z } from 'zod';

/** Runs a script of this folder in a Node of its own, and reads the last line that it prints. Throws what runProgram throws. */
export function runScript<T>(schema: z.ZodType<T>, script: string, ...args: readonly (string | number)[]): Promise<T> {
  return runProgram(schema, process.execPath, [join(import.meta.dirname, script), ...args.map(String)]);
}

/**
 * Runs a program and reads the last line that it prints as JSON. Throws AppError `internal` if it cannot be started, or ends with
 * anything but 0.
 */
export async function runProgram<T>(schema: z.ZodType<T>, program: string, args: readonly string[]): Promise<T> {
  const what = `${basename(program)} ${basename(args[0] ?? '')}`;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8');
  });
  child.on('error', (cause) => reject(new AppError('internal', `${what} cannot be started: ${cause.message}`)));
  child.on('close', (code, signal) => {
    if (code === 0) resolve(out);
    else reject(new AppError('internal', `${what} ended with ${code ?? signal}.`));
  });
  return schema.parse(JSON.parse((await promise).trim().split('\n').at(-1) ?? 'null'));
}
