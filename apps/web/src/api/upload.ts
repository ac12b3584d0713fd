import { type Answer, failed, failureOf, gave, readRefusal } from './answer.ts';

export interface Upload {
  readonly url: string;
  readonly body: FormData;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes sent so far, of all. */
  readonly onProgress: (sent: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** Posts a form and tells how far it is, which fetch cannot. Gives the answer's text. */
export function upload({ url, body, headers, onProgress, signal }: Upload): Promise<Answer<string>> {
  const { promise, resolve } = Promise.withResolvers<Answer<string>>();
  const request = new XMLHttpRequest();
  const giveUp = (): void => request.abort();
  request.open('POST', url);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total);
  request.onload = () => {
    const ok = request.status >= 200 && request.status < 300;
    const { status, responseText } = request;
    resolve(
      ok ? gave(responseText) : failed(readRefusal(status, (name) => request.getResponseHeader(name), responseText)),
    );
  };
  request.onerror = () => resolve(failed(failureOf('service_unreachable', { retryable: true })));
  request.onabort = () => resolve(failed(failureOf('canceled')));
  signal.addEventListener('abort', giveUp);
  if (signal.aborted) resolve(failed(failureOf('canceled')));
  else request.send(body);
  return promise.finally(() => signal.removeEventListener('abort', giveUp));
}
