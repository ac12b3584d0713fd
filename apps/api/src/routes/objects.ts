import { AppError } from '@qwen-edit/contract';
import { contentDisposition, type SignedTerms, verifySignedUrl } from '@qwen-edit/storage';
import type { Hono } from 'hono';
import { receiveBody } from '../body/read-body.ts';
import { type ApiContext, type ApiEnv, clientGone } from '../context.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';
import { sendObject } from '../stream/send-object.ts';

/** The signed addresses of the file store. The signature is the caller's right; no key is asked for. */
export function objectRoutes(app: Hono<ApiEnv>, services: Services): void {
  route(app, '/v1/objects/*', {
    GET: (c) => getObject(c, services, verify(c, services)),
    PUT: (c) => putObject(c, services, verify(c, services)),
  });
}

function verify(c: ApiContext, { options, now }: Services): SignedTerms {
  if (options.signingSecret === undefined) throw new AppError('not_found', 'This store gives out other addresses.');
  return verifySignedUrl(c.req.url, { method: c.req.raw.method, secret: options.signingSecret, now: now() });
}

async function getObject(c: ApiContext, services: Services, terms: SignedTerms): Promise<Response> {
  const info = await services.store.head(terms.key);
  const response =
    info === undefined
      ? undefined
      : await sendObject(c, services, {
          ...info,
          headers: {
            'Content-Type': terms.mediaType ?? info.mediaType,
            'Content-Disposition': terms.fileName === undefined ? 'inline' : contentDisposition(terms.fileName),
            'Cache-Control': 'private, no-cache',
            // An upload may be anything; none of it may run as a page of this origin.
            'Content-Security-Policy': "default-src 'none'; sandbox",
          },
        });
  if (response === undefined) throw new AppError('not_found', 'There is no object at this address.');
  return response;
}

async function putObject(c: ApiContext, services: Services, terms: SignedTerms): Promise<Response> {
  const { limits, store } = services;
  const { headers } = c.env.incoming;
  const mediaType = headers['content-type'] ?? 'application/octet-stream';
  if (terms.mediaType !== undefined && mediaType !== terms.mediaType) {
    throw new AppError('media_type_unsupported', `The address is signed for the Content-Type ${terms.mediaType}.`, {
      hint: 'Send the headers that came with the address.',
    });
  }
  if (terms.bytes !== undefined && headers['content-length'] !== String(terms.bytes)) {
    throw new AppError('request_malformed', `The address is signed for a Content-Length of ${terms.bytes}.`);
  }
  const body = receiveBody(c, services, terms.maxBytes ?? terms.bytes ?? limits.imageBytes);
  const { etag } = await store.put(terms.key, body, { mediaType, signal: clientGone(c) });
  return c.body(null, 200, { ETag: etag });
}
