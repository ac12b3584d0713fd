import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';
import { invalidParameter } from '../invalid-parameter.ts';

/**
 * The query of a request. A schema without names means that the route does not look at it. Throws AppError
 * `invalid_parameter`, also for a name that comes twice.
 */
export function readQuery<S extends z.ZodObject>(c: ApiContext, schema: S): z.output<S> {
  const looksAtQuery = Object.keys(schema.shape).length > 0;
  const parsed = schema.safeParse(looksAtQuery ? queryFields(c.req.url) : {});
  if (!parsed.success) throw invalidParameter(parsed.error);
  return parsed.data;
}

function queryFields(url: string): Record<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of new URL(url).searchParams) {
    if (fields.has(name)) throw new AppError('invalid_parameter', `${name.slice(0, 100)} is given more than once.`);
    fields.set(name, value);
  }
  return Object.fromEntries(fields);
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
