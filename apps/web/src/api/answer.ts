import { problemSchema } from '@qwen-edit/contract';

/** Why a call gave nothing, in the words of the service if it found some. */
export interface Failure {
  /** One of the contract's codes; `service_unreachable` where nobody answered, `canceled` where the page gave up. */
  readonly code: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly title: string | undefined;
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  /** Seconds after which to try again, where the service said so. */
  readonly retryAfter: number | undefined;
}

/** What a call gave. Calls of the page do not throw: every outcome is one to show. */
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export const gave = <T>(value: T): Answer<T> => ({ ok: true, value });
export const failed = (failure: Failure): { readonly ok: false; readonly failure: Failure } => ({ ok: false, failure });

export function failureOf(code: string, facts: Partial<Failure> = {}): Failure {
  return {
    code,
    detail: undefined,
    hint: undefined,
    title: undefined,
    retryable: false,
    requestId: undefined,
    retryAfter: undefined,
    ...facts,
  };
}

/** Reads a refusal: RFC 9457 where the service wrote it, else what the status tells, as a proxy's answer. */
export function readRefusal(status: number, headers: (name: string) => string | null, body: string): Failure {
  const requestId = headers('x-request-id') ?? undefined;
  const retryAfter = secondsOf(headers('retry-after'));
  const problem = problemSchema.safeParse(parsed(body));
  if (problem.success) {
    const { code, detail, hint, title, retryable, request_id } = problem.data;
    return { code, detail, hint, title, retryable, requestId: request_id, retryAfter };
  }
  const away = status === 502 || status === 503 || status === 504;
  return failureOf(away ? 'service_unreachable' : 'answer_unreadable', {
    detail: `HTTP ${status}`,
    retryable: away,
    requestId,
    retryAfter,
  });
}

/** JSON of an answer; undefined for what is none. */
export function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Retry-After in seconds; the service never sends its other form, a date. */
function secondsOf(header: string | null): number | undefined {
  const seconds = header === null ? Number.NaN : Number(header);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}
