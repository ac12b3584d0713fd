import { z } from 'zod';
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
});
export type Problem = z.output<typeof problemSchema>;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

export function problemOf(error: AppError, requestId: string): Problem {
  const { status, title, retryable } = ERRORS[error.code];
  // What is unforeseen may hold anything: a path, a query, a prompt. It goes to the log, not to the caller.
  const detail =
    error.code === 'internal' ? 'An unforeseen error; the log has it under this request_id.' : error.message;
  return {
    type: `urn:qwen-edit:error:${error.code}`,
    title,
    status,
    detail,
    code: error.code,
    hint: error.hint,
    retryable,
    request_id: requestId,
  };
}
