import { type Answer, failed, failureOf, gave, parsed, readRefusal } from './answer.ts';
import { type Upload, upload } from './upload.ts';

/** Reads one shape of answers, as a zod schema does. */
export interface Reader<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

export interface Requester {
  /** The address of a path of the service, as the page reaches it. */
  url(path: string): string;
  json<T>(path: string, reader: Reader<T>, init?: RequestInit): Promise<Answer<T>>;
  blob(path: string, signal?: AbortSignal): Promise<Answer<Blob>>;
  /** Posts a form, telling how far it is. */
  upload<T>(path: string, reader: Reader<T>, upload: Omit<Upload, 'url'>): Promise<Answer<T>>;
  /** For answers without content. */
  done(path: string, init?: RequestInit): Promise<Answer<undefined>>;
}

export interface RequesterDeps {
  /** Where the page lies; the service lies there too, also behind a proxy that adds a path. */
  readonly pageUrl: string;
  readonly fetch: typeof fetch;
  /** Hears how every call ended. */
  readonly onAnswer: (answer: Answer<unknown>) => void;
}

export function createRequester({ pageUrl, fetch, onAnswer }: RequesterDeps): Requester {
  const url = (path: string): string => new URL(path, pageUrl).href;

  async function call<T>(path: string, init: RequestInit, read: (response: Response) => Promise<Answer<T>>) {
    const answer = await callOnce(path, init, read);
    onAnswer(answer);
    return answer;
  }

  async function callOnce<T>(
    path: string,
    init: RequestInit,
    read: (response: Response) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    try {
      const response = await fetch(url(path), { credentials: 'same-origin', ...init });
      if (response.ok) return await read(response);
      return failed(readRefusal(response.status, (name) => response.headers.get(name), await response.text()));
    } catch {
      const gaveUp = init.signal?.aborted === true;
      return failed(failureOf(gaveUp ? 'canceled' : 'service_unreachable', { retryable: !gaveUp }));
    }
  }

  function readJson<T>(body: string, reader: Reader<T>, requestId: string | null): Answer<T> {
    const read = reader.safeParse(parsed(body));
    if (read.success) return gave(read.data);
    return failed(failureOf('answer_unreadable', { requestId: requestId ?? undefined }));
  }

  return {
    url,
    json: (path, reader, init = {}) =>
      call(path, init, async (response) =>
        readJson(await response.text(), reader, response.headers.get('x-request-id')),
      ),
    upload: async (path, reader, facts) => {
      const sent = await upload({ ...facts, url: url(path) });
      const answer = sent.ok ? readJson(sent.value, reader, null) : sent;
      onAnswer(answer);
      return answer;
    },
    blob: (path, signal) =>
      call(path, signal === undefined ? {} : { signal }, async (response) => gave(await response.blob())),
    done: (path, init = {}) => call(path, init, async () => gave(undefined)),
  };
}
