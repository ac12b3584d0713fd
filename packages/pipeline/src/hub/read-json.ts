import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { z } from 'zod';

/** Parses a JSON file of the model; undefined if there is no such file. Throws AppError `model_corrupt` if it is not JSON. */
export async function readOptionalJson(dir: string, file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(join(dir, file), 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new AppError('model_incomplete', `${file} cannot be read.`, {
      hint: 'Let the user that the service runs as read all files of the model folder.',
      cause,
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError('model_corrupt', `${file} is not JSON.`, { cause });
  }
}

/** Parses a JSON file that has to be there. Throws AppError `model_incomplete` or `model_corrupt`. */
export async function readRequiredJson(dir: string, file: string): Promise<unknown> {
  const json = await readOptionalJson(dir, file);
  if (json === undefined) throw new AppError('model_incomplete', `${file} is missing.`);
  return json;
}

/**
 * Checks JSON against a schema. Throws AppError `model_unsupported`, which names the key and what it may be; `hint` replaces
 * the hint that this code has.
 */
export function checkConfig<T>(schema: z.ZodType<T>, json: unknown, file: string, hint?: string): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const message = `${file}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is invalid'}.`;
  throw new AppError('model_unsupported', message, hint === undefined ? {} : { hint });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
