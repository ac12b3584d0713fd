import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';

const JOB_ID = /^job_[0-9a-f]{32}$/;
const JOB_NOT_FOUND = 'There is no job of this id.';

/** True for a text that has the form of a job's id. */
export const isJobId = (id: string): boolean => JOB_ID.test(id);

/** The id of a job in a path. */
export const jobIdSchema = z.string().regex(JOB_ID, JOB_NOT_FOUND);
/** A path that names a job. */
export const jobParamsSchema = z.object({ id: jobIdSchema });

/** The error for a job that does not exist, or that belongs to another owner. */
export function jobNotFound(): AppError {
  return new AppError('not_found', JOB_NOT_FOUND);
}

/**
 * The names in a path. What cannot be an id is absent like an id that does not exist: throws AppError `not_found` with
 * the message of the schema.
 */
export function readParams<S extends z.ZodObject>(c: ApiContext, schema: S): z.output<S> {
  const parsed = schema.safeParse(c.req.param());
  if (parsed.success) return parsed.data;
  throw new AppError('not_found', parsed.error.issues[0]?.message ?? 'There is nothing at this address.');
}
