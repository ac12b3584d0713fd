import { fieldError, parseFields } from '@qwen-edit/contract';
import { z } from 'zod';
import { GIVEN_TWICE } from '../body/form-values.ts';
import type { ApiContext } from '../context.ts';

/**
 * The query of a request. A schema without names means that the route does not look at it. Throws AppError
 * `invalid_parameter`, also for a name that comes twice.
 */
export function readQuery<S extends z.ZodObject>(c: ApiContext, schema: S): z.output<S> {
  const looksAtQuery = Object.keys(schema.shape).length > 0;
  return parseFields(schema, looksAtQuery ? queryFields(c.req.url) : {}, 'The query');
}

function queryFields(url: string): Record<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of new URL(url).searchParams) {
    if (fields.has(name)) throw fieldError(name.slice(0, 100), GIVEN_TWICE);
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
