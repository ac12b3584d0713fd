import { AppError, isErrorCode, parsedJson, problemSchema } from '@qwen-edit/contract';

/** Statuses of a proxy whose service is away. */
const AWAY: ReadonlySet<number> = new Set([502, 503, 504]);

/**
 * The error that a refusal says: RFC 9457 if the service wrote it, else what the status tells, as a proxy's answer. The
 * problem as it came is the error's cause; a code that this version does not know becomes `internal`.
 */
export function refusalError(status: number, headers: Pick<Headers, 'get'>, body: string): AppError {
  const retryAfterSeconds = secondsOf(headers.get('retry-after'));
  const problem = problemSchema.safeParse(parsedJson(body));
  if (problem.success) {
    const { code, detail, hint, request_id, job_id } = problem.data;
    const known = isErrorCode(code) ? code : 'internal';
    return new AppError(known, detail, {
      ...{ hint, requestId: request_id, jobId: job_id, retryAfterSeconds },
      cause: problem.data,
    });
  }
  const code = AWAY.has(status) ? 'service_unreachable' : 'answer_unreadable';
  const requestId = headers.get('x-request-id') ?? undefined;
  const message = `The service answered ${status} without saying why.`;
  return new AppError(code, message, { requestId, retryAfterSeconds });
}

/** Retry-After in seconds; the service never sends its other form, a date. */
function secondsOf(header: string | null): number | undefined {
  const seconds = header === null ? Number.NaN : Number(header);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}
