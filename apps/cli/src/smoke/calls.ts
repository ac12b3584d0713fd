import type { Fetch } from '@qwen-edit/client';
import { AppError, isErrorCode, maskUrl, type Problem, parsedJson, problemSchema } from '@qwen-edit/contract';
import { smokeFault } from './check.ts';
import { wasCut, whyUnreachable } from './why-unreachable.ts';

/** An answer, whatever its status. */
export interface SmokeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Calls of one service whose answers are looked at as they came. */
export interface SmokeCalls {
  /** The whole address of a path, as `v1/jobs`. */
  readonly url: (path: string) => string;
  /** Any answer, read whole. Throws AppError if there is none, which says why. */
  readonly answer: (pathOrUrl: string, init?: RequestInit, limitMs?: number) => Promise<SmokeAnswer>;
  /** The same, but an error has to be the service's own: what a proxy answers is thrown as that. */
  readonly own: (path: string, init?: RequestInit) => Promise<SmokeAnswer>;
  /** An answer that is no error. Throws AppError as the service says it, or as what a proxy answers. */
  readonly good: (path: string, init?: RequestInit, limitMs?: number) => Promise<SmokeAnswer>;
  /** An answer whose body the caller reads. There is no time limit for it. */
  readonly open: (path: string, init?: RequestInit) => Promise<Response>;
}

export interface CallsOptions {
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  readonly fetch: typeof fetch;
  readonly signal: AbortSignal;
}

/** For an answer to a call that makes nothing. No call has less. */
const ANSWER_MS = 60_000;

export function createCalls({ baseUrl, apiKey, fetch: send, signal }: CallsOptions): SmokeCalls {
  const root = baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`;
  const url = (path: string): string => new URL(path, root).href;

  async function open(pathOrUrl: string, init: RequestInit = {}): Promise<Response> {
    const target = url(pathOrUrl);
    const headers = new Headers(init.headers);
    // A key goes to the service alone, not to the store that a picture may lie in.
    if (apiKey !== undefined && new URL(target).origin === new URL(root).origin)
      headers.set('authorization', `Bearer ${apiKey}`);
    const stop = init.signal ?? signal;
    try {
      return await send(target, { ...init, headers, signal: stop });
    } catch (thrown) {
      throw noAnswer(thrown, target, signal);
    }
  }

  async function answer(pathOrUrl: string, init: RequestInit = {}, limitMs = ANSWER_MS): Promise<SmokeAnswer> {
    const limit = AbortSignal.any([init.signal ?? signal, AbortSignal.timeout(Math.max(ANSWER_MS, limitMs))]);
    const response = await open(pathOrUrl, { ...init, signal: limit });
    try {
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, headers: response.headers, bytes, text: new TextDecoder().decode(bytes) };
    } catch (thrown) {
      throw noAnswer(thrown, url(pathOrUrl), signal);
    }
  }

  return {
    url,
    open,
    answer,
    async own(path, init) {
      const got = await answer(path, init);
      if (got.status >= 400) ownProblem(got);
      else if (isPage(got.headers)) throw foreignAnswer(got.status, got.text);
      return got;
    },
    async good(path, init, limitMs) {
      const got = await answer(path, init, limitMs);
      if (got.status >= 400) throw problemError(got);
      if (isPage(got.headers)) throw foreignAnswer(got.status, got.text);
      return got;
    },
  };
}

/** The error of an answer, in the service's words if it is the service's own. */
export function problemError(answer: SmokeAnswer): AppError {
  const { code, detail, hint } = ownProblem(answer);
  const retryAfter = Number(answer.headers.get('retry-after') ?? Number.NaN);
  return new AppError(isErrorCode(code) ? code : 'internal', detail, {
    hint,
    retryAfterSeconds: Number.isFinite(retryAfter) ? retryAfter : undefined,
  });
}

/**
 * A fetch that calls once more if the connection is cut: a server closes connections that rest, and may do so at the moment in
 * which one is used again. Source: RFC 9112, 9.3.1. A job that two calls have made is found by its mark.
 */
export function againIfCut(send: typeof fetch): typeof fetch {
  return (target, init) =>
    send(target, init).catch((thrown: unknown) => {
      if (wasCut(thrown)) return send(target, init);
      throw thrown;
    });
}

/** A fetch for the typed client, which says of an answer that is not the service's own where it may come from. */
export function tellingFetch(send: typeof fetch, signal: AbortSignal, limitMs: number): Fetch {
  return async (target, init) => {
    const limit = AbortSignal.any([init.signal ?? signal, AbortSignal.timeout(Math.max(ANSWER_MS, limitMs))]);
    try {
      const response = await send(target, { ...init, signal: limit });
      if (response.ok ? !isPage(response.headers) : isProblem(response.headers)) return response;
      throw foreignAnswer(response.status, await response.text());
    } catch (thrown) {
      throw thrown instanceof AppError ? thrown : noAnswer(thrown, target, signal);
    }
  };
}

/** True for an answer that the service itself wrote. */
export const isOwn = ({ status, headers }: SmokeAnswer): boolean =>
  status < 400 ? !isPage(headers) : isProblem(headers);

/** The problem of an answer. Throws AppError if it has none of the service's form. */
export function ownProblem({ status, headers, text }: SmokeAnswer): Problem {
  const problem = problemSchema.safeParse(parsedJson(text));
  if (!isProblem(headers) || !problem.success) throw foreignAnswer(status, text);
  return problem.data;
}

const isProblem = (headers: Headers): boolean =>
  headers.get('content-type')?.startsWith('application/problem+json') === true;
const isPage = (headers: Headers): boolean => headers.get('content-type')?.includes('text/html') === true;

const BEHIND = 'Look at the log of what stands before the service, and whether the service runs and answers /readyz.';
const HINTS: Readonly<Record<number, string>> = {
  401: 'Something before the service asks for credentials of its own: let the paths of the API pass.',
  403: 'Something before the service, as a firewall for web applications, refuses the call: let the paths of the API pass.',
  404: 'Look at the path in --url: what answers there is another service, or a balancer that has no route.',
  413: 'Let what stands before the service take bodies as large as the service does, or of any size (nginx: client_max_body_size 0).',
  429: 'Something before the service limits how often it is called.',
  502: `The balancer reaches no API, or was cut off by it. ${BEHIND}`,
  503: `The balancer has no API that is ready. ${BEHIND}`,
  504: `The API answers later than the balancer waits: raise its time-out. ${BEHIND}`,
};

/** The error of an answer that the service did not write. */
export function foreignAnswer(status: number, body: string): AppError {
  const title = /<title>\s*([^<]{1,80}?)\s*<\/title>/i.exec(body)?.[1];
  const said = title === undefined ? '' : `: "${title}"`;
  const whom = status < 400 ? 'what shows a page and is not the API' : 'something that is not the service';
  return smokeFault(
    `The answer is ${status} from ${whom}${said}.`,
    HINTS[status] ?? 'Look at --url: it has to lead to the API of the service, with the path below which it lies.',
  );
}

function noAnswer(thrown: unknown, target: string, signal: AbortSignal): AppError {
  if (signal.aborted) return new AppError('canceled', 'The checks were stopped.', { cause: thrown });
  const where = maskUrl(target).split('?')[0] ?? '';
  if (thrown instanceof Error && thrown.name === 'TimeoutError')
    return new AppError('service_unreachable', `There is no answer: ${where}.`, {
      hint: 'Look at the log of the service and of what stands before it: the call hangs.',
      cause: thrown,
    });
  const { message, hint } = whyUnreachable(thrown, where);
  return new AppError('service_unreachable', message, { hint, cause: thrown });
}
