import { AppError } from '@qwen-edit/contract';
import { chargeUpload } from '@qwen-edit/db';
import { contentDisposition, type SignedTerms, verifySignedUrl } from '@qwen-edit/storage';
import { receiveRequest } from '../body/request-body.ts';
import { type ApiContext, clientGone } from '../context.ts';
import type { ApiOptions } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import { ANY_QUERY, type ApiRoute, binaryAnswer, defineRoute, emptyAnswer, NO_PARAMS } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { type SendDeps, sendObject } from '../stream/send-object.ts';

interface SignatureDeps {
  readonly options: Pick<ApiOptions, 'signingSecret'>;
  readonly now: () => Date;
}

type PutDeps = Pick<Services, 'database' | 'limits' | 'log' | 'store'> & {
  readonly options: Pick<ApiOptions, 'maxUnusedBytes'>;
};
type SignedObjectDeps = SignatureDeps & SendDeps & PutDeps;

const PATH = '/v1/objects/*';

/** The addresses that the file store signs. The signature proves that the caller may use them; no key is asked for. */
export function signedObjectRoutes(deps: SignedObjectDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'GET',
      path: PATH,
      scope: 'open',
      summary: 'Reads an object by a signed address',
      params: NO_PARAMS,
      query: ANY_QUERY,
      answers: {
        200: binaryAnswer(['*/*'], 'The object'),
        206: binaryAnswer(['*/*'], 'The part of the object that Range asks for'),
        304: emptyAnswer('The caller has the object'),
      },
      handler: ({ c }) => getObject(c, deps, verify(c, deps)),
    }),
    defineRoute({
      method: 'PUT',
      path: PATH,
      scope: 'open',
      summary: 'Writes an object by a signed address',
      params: NO_PARAMS,
      query: ANY_QUERY,
      body: { required: true, content: { '*/*': 'binary' } },
      answers: { 200: emptyAnswer('The object is stored') },
      handler: ({ c }) => putObject(c, deps, verify(c, deps)),
    }),
  ];
}

function verify(c: ApiContext, { options, now }: SignatureDeps): SignedTerms {
  if (options.signingSecret === undefined) throw new AppError('not_found', 'This store gives out other addresses.');
  return verifySignedUrl(c.req.url, { method: c.req.raw.method, secret: options.signingSecret, now: now() });
}

async function getObject(c: ApiContext, deps: SendDeps, terms: SignedTerms): Promise<Response> {
  const info = await deps.store.head(terms.key);
  const response =
    info === undefined
      ? undefined
      : await sendObject(c, deps, {
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

async function putObject(c: ApiContext, deps: PutDeps, terms: SignedTerms): Promise<Response> {
  const { limits, store } = deps;
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
  const maxBytes = terms.bytes ?? terms.maxBytes ?? limits.imageBytes;
  const said = headers['content-length'] === undefined ? maxBytes : Number(headers['content-length']);
  await chargeBytes(deps, terms.key, Math.min(said, maxBytes));
  const body = receiveRequest(c, limits, maxBytes);
  try {
    const { etag, bytes } = await store.put(terms.key, body, { mediaType, signal: clientGone(c) });
    await chargeBytes(deps, terms.key, bytes);
    return c.body(null, 200, { ETag: etag });
  } catch (thrown) {
    await settleBytes(deps, terms.key, thrown);
    throw thrown;
  }
}

/** Counts what an upload has, or may get, among what its owner has stored without a job. */
async function chargeBytes(
  { database, options }: Pick<PutDeps, 'database' | 'options'>,
  key: string,
  bytes: number,
): Promise<void> {
  const known = await chargeUpload(database, { key, bytes, quotaBytes: options.maxUnusedBytes });
  if (!known) throw new AppError('not_found', 'There is no such upload any more.');
}

/**
 * After a put that failed: counts what is stored now. Content that is above the quota after all, because several requests wrote to one
 * address, is deleted.
 */
async function settleBytes({ database, store, log }: PutDeps, key: string, thrown: unknown): Promise<void> {
  try {
    if (thrown instanceof AppError && thrown.code === 'quota_exceeded') await store.delete([key]);
    const bytes = (await store.head(key))?.bytes ?? 0;
    await chargeUpload(database, { key, bytes, quotaBytes: undefined });
  } catch (failure) {
    log.warn({ key, errors: describeError(failure) }, 'an upload that failed is counted as if it had come');
  }
}
