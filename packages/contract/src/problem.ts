import { z } from 'zod';
import { callerTextOf } from './caller-text.ts';
import { type AppError, ERRORS } from './errors.ts';

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
    ...(error.jobId === undefined ? {} : { job_id: error.jobId }),
  };
}
