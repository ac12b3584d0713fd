import type { Client } from '@qwen-edit/client';
import { ERRORS, type FieldError, problemSchema, toAppError } from '@qwen-edit/contract';

/** Why a call gave nothing, in the words of the service if it found some. */
export interface Failure {
  /** A code of the contract, or one that only a newer service knows. */
  readonly code: string;
  /** The service's own words about this very case; undefined if the code says it all. */
  readonly detail: string | undefined;
  readonly hint: string;
  readonly title: string;
  readonly retryable: boolean;
  readonly requestId: string | undefined;
  /** Seconds after which to try again, if the service said so. */
  readonly retryAfter: number | undefined;
  /** What is wrong with which field of the request. */
  readonly errors?: readonly FieldError[] | undefined;
}

/** What a call gave. Calls of the page do not throw: every outcome is one to show. */
export type CallResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** Calls the service, and hands on how it ended as a value. */
export type CallService = <T>(call: (client: Client) => Promise<T>) => Promise<CallResult<T>>;

/** `onResult` is told how every call ended. */
export function createCallService(client: Client, onResult: (result: CallResult<unknown>) => void): CallService {
  return async (call) => {
    const result = await resultOf(call(client));
    onResult(result);
    return result;
  };
}

async function resultOf<T>(call: Promise<T>): Promise<CallResult<T>> {
  try {
    return { ok: true, value: await call };
  } catch (thrown) {
    return { ok: false, failure: failureOf(thrown) };
  }
}

/** Codes whose message only repeats, in English, what the page says by itself. */
const PLAIN: ReadonlySet<string> = new Set(['service_unreachable', 'canceled']);

/** The failure behind what a call threw. */
function failureOf(thrown: unknown): Failure {
  const { code, message, hint, requestId, retryAfterSeconds, cause } = toAppError(thrown);
  const problem = problemSchema.safeParse(cause).data;
  const { title, retryable } = problem ?? ERRORS[code];
  return {
    code: problem?.code ?? code,
    detail: problem?.detail ?? (PLAIN.has(code) ? undefined : message),
    hint,
    title,
    retryable,
    requestId,
    retryAfter: retryAfterSeconds,
    errors: problem?.errors,
  };
}
