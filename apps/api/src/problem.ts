import { type AppError, ERRORS, type ErrorCode, PROBLEM_MEDIA_TYPE, problemOf } from '@qwen-edit/contract';

const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  queue_full: 10,
  too_many_attempts: 60,
  quota_exceeded: 600,
  idempotency_in_flight: 1,
};
const UNAVAILABLE_SECONDS = 5;

/**
 * An error as an answer, with the headers that its status asks for. Source: RFC 9457; RFC 9110, sections 10.2.3 and
 * 11.6.1.
 */
export function problemResponse(
  error: AppError,
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { status } = ERRORS[error.code];
  return new Response(JSON.stringify(problemOf(error, requestId)), {
    status,
    headers: { 'Content-Type': PROBLEM_MEDIA_TYPE, ...headersOf(error, status), ...headers },
  });
}

function headersOf({ code, retryAfterSeconds }: AppError, status: number): Record<string, string> {
  const retryAfter =
    retryAfterSeconds ?? RETRY_AFTER_SECONDS[code] ?? (status === 503 ? UNAVAILABLE_SECONDS : undefined);
  return {
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }),
    ...(status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}),
  };
}
