import type { Fetch } from '@qwen-edit/client';

/** Hears how many bytes of all were sent. */
export type UploadListener = (sent: number, total: number) => void;

/** Sends a form as fetch does, and tells how far it is, which fetch cannot. Rejects if nobody answers, and on an abort. */
export function createUpload(onProgress: UploadListener): Fetch {
  return (url, { method = 'POST', headers, body, signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const request = new XMLHttpRequest();
    const abort = (): void => request.abort();
    request.open(method, url);
    new Headers(headers).forEach((value, name) => {
      request.setRequestHeader(name, value);
    });
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded, total);
    request.onload = () => resolve(responseOf(request));
    request.onerror = () => reject(new TypeError('The connection broke.'));
    request.onabort = () => reject(new DOMException('The upload was stopped.', 'AbortError'));
    signal?.addEventListener('abort', abort);
    if (signal?.aborted === true) reject(new DOMException('The upload was stopped.', 'AbortError'));
    else request.send(body instanceof FormData ? body : null);
    return promise.finally(() => signal?.removeEventListener('abort', abort));
  };
}

function responseOf(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const line of request
    .getAllResponseHeaders()
    .trim()
    .split(/[\r\n]+/)) {
    const at = line.indexOf(':');
    if (at > 0) headers.append(line.slice(0, at), line.slice(at + 1).trim());
  }
  // A response without content may have no body, not even an empty one.
  const body = request.responseText === '' ? null : request.responseText;
  return new Response(body, { status: request.status, headers });
}
