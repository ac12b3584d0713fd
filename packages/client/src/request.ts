import { AppError, maskUrl, parsedJson } from '@qwen-edit/contract';
import { refusalError } from './refusal.ts';

/** The part of fetch that the client needs. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Reads one shape of answers, as a zod schema does. */
export interface AnswerSchema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

/** Calls of one service. All reject with an AppError. */
export interface Requester {
  /** The whole address of a path, as `v1/jobs`. */
  url(path: string): string;
  /** Reads the response of a call that the service did not refuse. */
  call<T>(path: string, init: RequestInit, read: (response: Response) => Promise<T>, send?: Fetch): Promise<T>;
  json<T>(path: string, schema: AnswerSchema<T>, init?: RequestInit, send?: Fetch): Promise<T>;
  /** For answers without content. */
  done(path: string, init: RequestInit): Promise<void>;
}

export interface RequesterOptions {
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly fetch?: Fetch;
}

export function createRequester({ baseUrl, apiKey, fetch: usual = fetch }: RequesterOptions): Requester {
  const root = baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`;
  const url = (path: string): string => new URL(path, root).href;

  async function call<T>(
    path: string,
    init: RequestInit,
    read: (response: Response) => Promise<T>,
    send: Fetch = usual,
  ): Promise<T> {
    const headers = new Headers(init.headers);
    if (apiKey !== undefined) headers.set('authorization', `Bearer ${apiKey}`);
    try {
      const response = await send(url(path), { ...init, headers });
      if (response.ok) return await read(response);
      throw refusalError(response.status, response.headers, await response.text());
    } catch (thrown) {
      if (thrown instanceof AppError) throw thrown;
      if (init.signal?.aborted === true) throw new AppError('canceled', 'The call was cancelled.', { cause: thrown });
      throw new AppError('service_unreachable', `No service answers at ${maskUrl(baseUrl)}.`, { cause: thrown });
    }
  }

  return {
    url,
    call,
    json: (path, schema, init = {}, send) =>
      call(
        path,
        { ...init, headers: { accept: 'application/json', ...Object.fromEntries(new Headers(init.headers)) } },
        async (response) => {
          const answer = schema.safeParse(parsedJson(await response.text()));
          if (answer.success) return answer.data;
          throw new AppError('answer_unreadable', 'The answer of the service has another form than expected.', {
            requestId: response.headers.get('x-request-id') ?? undefined,
          });
        },
        send,
      ),
    done: (path, init) =>
      call(path, init, async (response) => {
        // A body that nobody reads would keep its connection.
        await response.arrayBuffer();
      }),
  };
}
