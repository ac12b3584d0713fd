import { pause, timeLimit } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import type { Dispatcher } from 'undici';
import { checkUrl } from './check-url.ts';
import { isFromOutside, toNetError, unreachable, unreachableUnsaid } from './net-errors.ts';
import { createPinnedAgent, type Resolve } from './pinned-agent.ts';
import { end, type MemoryCount, readResponseBody } from './read-response-body.ts';
import { type Hop, nextHop } from './redirect.ts';

export interface SafeFetchOptions {
  /** Allows loopback, private and other internal addresses (QWEN_EDIT_ALLOW_PRIVATE_URLS). */
  readonly allowPrivate: boolean;
  /** Largest body, before and after decompression; a compressed one may unpack to 16 MB at most. */
  readonly maxBytes: number;
  /** Time limit from the call to the last byte, with all redirects. */
  readonly timeoutMs: number;
  /** With 0, a redirect is returned like any other answer. */
  readonly maxRedirects: number;
  /** How long a call takes at least that fails before anybody has answered. Default: a second. */
  readonly failuresTakeMs?: number;
  /** How names are resolved. Default: by the system. */
  readonly resolve?: Resolve;
  /** What counts as public in tests, which have no public address to call. */
  readonly isPublic?: (address: string) => boolean;
}

export interface SafeFetchInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly signal?: AbortSignal;
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
  readonly maxRedirects?: number;
  /** What happens to a body above `maxBytes`: `refuse` (the default) throws, `cut` drops the rest. */
  readonly overflow?: 'refuse' | 'cut';
  /** Counts the memory that the body takes, before it is taken. Not with `cut`, which bounds it by itself. */
  readonly memory?: MemoryCount;
}

export interface SafeResponse {
  /** Any status: 404 and 500 are answers, not errors. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** The URL that answered, after redirects. */
  readonly url: string;
}

export interface SafeFetch {
  /**
   * Calls a URL that is not trusted. The rules of `checkUrl` hold for it, for each redirect, and for every address that its
   * name resolves to. Errors: `url_refused`, `url_unreachable`, `url_too_large`; `canceled` when the signal aborts.
   */
  fetch(url: string, init?: SafeFetchInit): Promise<SafeResponse>;
  /** Cancels all calls that are running. */
  close(): Promise<void>;
}

const MAX_CONNECT_MS = 10_000;
/** Longer than a resolver takes for most names, so that the time does not tell which names it knows. */
const FAILURES_TAKE_MS = 1000;

/**
 * Calls URLs that users name. It ignores the proxies that the environment names, because a proxy would resolve names a second
 * time.
 *
 * @example
 * const net = createSafeFetch({ allowPrivate: false, maxBytes: 20_000_000, timeoutMs: 20_000, maxRedirects: 3 });
 * const { status, body } = await net.fetch('https://pictures.example/cat.png');
 */
export function createSafeFetch(options: SafeFetchOptions): SafeFetch {
  const agent = createPinnedAgent({ ...options, connectTimeoutMs: Math.min(options.timeoutMs, MAX_CONNECT_MS) });
  const closing = new AbortController();

  /** The error for callers. Where calls of the inside are allowed, there is nothing to hide of it. */
  async function failureOf(thrown: unknown, { url }: Hop, start: number, signal: AbortSignal): Promise<AppError> {
    if (options.allowPrivate || isFromOutside(thrown)) return toNetError(thrown, url);
    await pause(start + (options.failuresTakeMs ?? FAILURES_TAKE_MS) - performance.now(), signal);
    return unreachableUnsaid(url, thrown);
  }

  async function follow(
    first: Hop,
    init: SafeFetchInit,
    { signal, onAnswer }: { readonly signal: AbortSignal; readonly onAnswer: () => void },
  ): Promise<SafeResponse> {
    const { maxBytes, maxRedirects } = { ...options, ...init };
    for (let hop = first, redirects = 0; ; redirects++) {
      const start = performance.now();
      try {
        const answer = await agent.request(requestOf(hop, signal));
        onAnswer();
        const headers = headersOf(answer.headers);
        const next = maxRedirects === 0 ? undefined : nextHop(hop, answer.statusCode, headers.get('location'), options);
        if (next === undefined) {
          const limits = { url: hop.url, maxBytes, overflow: init.overflow ?? 'refuse', memory: init.memory } as const;
          const body = await readResponseBody(answer.body, headers, limits);
          return { status: answer.statusCode, headers, body, url: hop.url.href };
        }
        end(answer.body);
        if (redirects === maxRedirects) throw unreachable(hop.url, `it redirects more than ${maxRedirects} times`);
        hop = next;
      } catch (thrown) {
        throw await failureOf(thrown, hop, start, signal);
      }
    }
  }

  return {
    async fetch(url, init = {}) {
      const first = firstHop(checkUrl(url, options), init);
      const timeoutMs = init.timeoutMs ?? options.timeoutMs;
      const signal = init.signal === undefined ? closing.signal : AbortSignal.any([closing.signal, init.signal]);
      let answered = options.allowPrivate;
      const onAnswer = (): void => {
        answered = true;
      };
      const late = (): AppError => {
        const why = `it took more than ${timeoutMs} ms`;
        return answered ? unreachable(first.url, why) : unreachableUnsaid(first.url, new Error(why));
      };
      try {
        return await timeLimit((ended) => follow(first, init, { signal: ended, onAnswer }), {
          ms: timeoutMs,
          signal,
          late,
        });
      } catch (thrown) {
        throw signal.aborted ? new AppError('canceled', 'The call was cancelled.', { cause: thrown }) : thrown;
      }
    },
    async close() {
      closing.abort();
      await agent.destroy();
    },
  };
}

function firstHop(url: URL, { method = 'GET', headers = {}, body }: SafeFetchInit): Hop {
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    url,
    method: method.toUpperCase(),
    headers: { 'user-agent': 'qwen-edit', accept: '*/*', ...Object.fromEntries(given), 'accept-encoding': 'identity' },
    body: body ?? null,
  };
}

function requestOf({ url, method, headers, body }: Hop, signal: AbortSignal): Dispatcher.RequestOptions {
  // undici's types know the usual methods only; it takes any.
  return { origin: url.origin, path: `${url.pathname}${url.search}`, method, headers, body, signal };
}

/** Leaves out headers that are not Latin-1: nothing here needs them, and they are no reason to refuse an answer. */
function headersOf(raw: Dispatcher.ResponseData['headers']): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of Array.isArray(value) ? value : [value ?? '']) {
      if (/^[\t\x20-\x7e\x80-\xff]*$/.test(one)) headers.append(name, one);
    }
  }
  return headers;
}
