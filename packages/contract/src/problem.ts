import { z } from 'zod';
import { callerTextOf } from './caller-text.ts';
import { type AppError, ERRORS } from './errors.ts';
import { fieldErrorSchema } from './field-errors.ts';

/** An error as the API answers it. Source: RFC 9457, application/problem+json. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
  request_id: z.string(),
  /** What is wrong with which field, if that is what the error is about. */
  errors: z.array(fieldErrorSchema).optional(),
  /** The job that the request has made, or may have made. */
  job_id: z.string().optional(),
});
export type Problem = z.output<typeof problemSchema>;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The error as a caller may see it; what is for whoever runs the service stays in the log. */
export function problemOf(error: AppError, requestId: string): Problem {
  const { status, title, retryable } = ERRORS[error.code];
  const { text, hint } = callerTextOf(error);
  return {
    type: `urn:qwen-edit:error:${error.code}`,
    title,
    status,
    detail: text,
    code: error.code,
    hint,
    retryable,
    request_id: requestId,
    ...(error.errors.length === 0 ? {} : { errors: [...error.errors] }),
    ...(error.jobId === undefined ? {} : { job_id: error.jobId }),
  };
}
