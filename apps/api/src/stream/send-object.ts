import { AppError } from '@qwen-edit/contract';
import type { ByteRange } from '@qwen-edit/storage';
import { matchesNone, readRange } from '../byte-range.ts';
import type { ApiContext } from '../context.ts';
import type { ApiLimits } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import { problemResponse } from '../problem.ts';
import type { Services } from '../services.ts';
import { bodyStream, limitStall } from './body-stream.ts';

/** What is sent of an object, besides its content. */
export interface ObjectFacts {
  readonly key: string;
  readonly bytes: number;
  /** Strong, with its quotes. */
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface SendDeps extends Pick<Services, 'store' | 'log' | 'streams'> {
  readonly limits: Pick<ApiLimits, 'stallMs'>;
}

/**
 * Answers GET and HEAD with an object, whole or a range of it, or with 304 if the caller has it already. Returns
 * undefined if the store has no such object. Source: RFC 9110, sections 13 and 14.
 */
export async function sendObject(c: ApiContext, deps: SendDeps, facts: ObjectFacts): Promise<Response | undefined> {
  const { key, bytes, etag } = facts;
  const headers = { ...facts.headers, ETag: etag, 'Accept-Ranges': 'bytes' };
  if (matchesNone(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  const ifRange = c.req.header('if-range');
  const range = ifRange === undefined || ifRange === etag ? readRange(c.req.header('range'), bytes) : 'all';
  if (range === 'unsatisfiable') {
    const error = new AppError('range_not_satisfiable', `The file has ${bytes} bytes.`);
    return problemResponse(error, c.get('requestId'), { 'Content-Range': `bytes */${bytes}` });
  }
  const partial =
    range === 'all'
      ? { 'Content-Length': String(bytes) }
      : {
          'Content-Length': String(range.end - range.start + 1),
          'Content-Range': `bytes ${range.start}-${range.end}/${bytes}`,
        };
  const status = range === 'all' ? 200 : 206;
  if (c.req.raw.method === 'HEAD') return c.body(null, status, { ...headers, ...partial });
  const body = await openBody(c, deps, key, range === 'all' ? undefined : range);
  return body === undefined ? undefined : c.body(body, status, { ...headers, ...partial });
}

async function openBody(
  c: ApiContext,
  { store, log, limits, streams }: SendDeps,
  key: string,
  range: ByteRange | undefined,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const { outgoing } = c.env;
  const found = await store.get(key, range === undefined ? {} : { range });
  if (found === undefined) return undefined;
  limitStall(outgoing, limits.stallMs);
  const leave = streams.enter();
  return bodyStream(found.body, outgoing, {
    lost: c.get('credentialLost'),
    end() {
      found.body.destroy();
      leave();
    },
    onError: (thrown) => log.warn({ key, errors: describeError(thrown) }, 'an object could not be sent to its end'),
  });
}
