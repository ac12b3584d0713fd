import { AppError, fieldErrorsOf, PARSING } from '@qwen-edit/contract';
import type { z } from 'zod';
import { FETCH_MISSING, FULL_PRECISION } from '../weights/remedies.ts';
import { readJsonFile } from '../weights/text-file.ts';

/** Parses a JSON file that has to be there. Throws AppError `model_incomplete` or `model_corrupt`. */
export async function readRequiredJson(dir: string, file: string): Promise<unknown> {
  const json = await readJsonFile(dir, file);
  if (json === undefined) throw new AppError('model_incomplete', `${file} is missing.`, { hint: FETCH_MISSING });
  return json;
}

/**
 * Checks JSON against a schema. Throws AppError `model_unsupported`, which names the key and what it may be; `hint` replaces
 * the hint that this code has.
 */
export function checkConfig<T>(schema: z.ZodType<T>, json: unknown, file: string, hint?: string): T {
  const parsed = schema.safeParse(json, PARSING);
  if (parsed.success) return parsed.data;
  const [first] = fieldErrorsOf(parsed.error, 'the file');
  const message = `${file}: ${first?.message ?? 'is not valid.'}`;
  const quantised = message.includes('quantization_config') ? FULL_PRECISION : undefined;
  const known = hint ?? quantised;
  throw new AppError('model_unsupported', message, known === undefined ? {} : { hint: known });
}
