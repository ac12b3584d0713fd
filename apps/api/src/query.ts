import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { invalidIssue } from './body/submission.ts';
import type { ApiContext } from './context.ts';

/** Reads the query by a schema of texts. Throws AppError `invalid_parameter`, also for a name that comes twice. */
export function parseQuery<T>(c: ApiContext, schema: z.ZodType<T>): T {
  const fields = new Map<string, string>();
  for (const [name, value] of new URL(c.req.url).searchParams) {
    if (fields.has(name)) throw new AppError('invalid_parameter', `${name.slice(0, 100)} is given more than once.`);
    fields.set(name, value);
  }
  const parsed = schema.safeParse(Object.fromEntries(fields));
  if (!parsed.success) throw invalidIssue(parsed.error);
  return parsed.data;
}

/** A whole number in a query. */
export function queryNumber(min: number, max: number): z.ZodType<number> {
  const rule = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, rule)
    .transform(Number)
    .refine((value) => value >= min && value <= max, rule);
}
