import { once } from 'node:events';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { pause } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import type { SmokeAnswer } from './calls.ts';
import { whyUnreachable } from './why-unreachable.ts';

const ANSWER_BEFORE_BODY_MS = 1000;
const PIECE = Buffer.alloc(256 * 1024);
const BOUNDARY = 'smoke-too-large';
const HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="large.png"\r\nContent-Type: image/png\r\n\r\n`;

export interface EndlessOptions {
  /** Length of the body that is promised; it is sent until there is an answer. */
  readonly bytes: number;
  readonly apiKey: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Sends a form with one part of zeros, and returns the answer, which a service may give before it has the body. fetch would
 * not read that answer in every case. Throws AppError `service_unreachable` if there is none.
 */
export async function sendEndless(target: string, { bytes, apiKey, signal }: EndlessOptions): Promise<SmokeAnswer> {
  const url = new URL(target);
  const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    method: 'POST',
    agent: false,
    signal,
    headers: {
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      'content-length': bytes,
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
  });
  const answered = new Promise<SmokeAnswer>((resolve, reject) => {
    request.on('error', (cause) => {
      if (signal.aborted) return reject(new AppError('canceled', 'The checks were stopped.', { cause }));
      const { message, hint } = whyUnreachable(cause, `${url.origin}${url.pathname}, with ${bytes} bytes`);
      reject(new AppError('service_unreachable', message, { hint, cause }));
    });
    request.on('response', (response) => {
      const headers = new Headers();
      for (const [name, value] of Object.entries(response.headers)) headers.set(name, String(value));
      buffer(response).then((body) => {
        resolve({ status: response.statusCode ?? 0, headers, bytes: body, text: body.toString() });
      }, reject);
    });
  });
  let over = false;
  const ended = answered
    .catch(() => undefined)
    .then(() => {
      over = true;
    });
  request.write(HEAD);
  // Whoever refuses by the length alone answers now. What is sent needlessly is slow, and may hide an answer behind a closed connection.
  await Promise.race([ended, pause(ANSWER_BEFORE_BODY_MS, signal)]);
  for (let sent = HEAD.length; !over && !request.destroyed && sent < bytes; ) {
    const piece = PIECE.subarray(0, Math.min(PIECE.length, bytes - sent));
    sent += piece.length;
    if (!request.write(piece)) await Promise.race([once(request, 'drain').catch(() => undefined), ended]);
    else await new Promise(setImmediate);
  }
  try {
    if (!request.destroyed) request.end();
    return await answered;
  } finally {
    request.destroy();
  }
}
