import { AppError } from '@qwen-edit/contract';
import type { ByteShare } from '../byte-budget.ts';
import type { ApiContext } from '../context.ts';
import type { Services } from '../services.ts';
import { mediaTypeOf } from './media-type.ts';
import { readJsonBody } from './read-json.ts';
import { type FormPart, readMultipart } from './read-multipart.ts';
import { receive } from './receive.ts';

export type BodyContent =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'form'; readonly parts: readonly FormPart[] };

/** Reads a JSON or multipart body whole, within the limits of a request and of all requests together. */
export async function readSubmissionBody(c: ApiContext, services: Services, share: ByteShare): Promise<BodyContent> {
  const { limits } = services;
  const contentType = c.req.header('content-type') ?? '';
  const chunks = held(receiveBody(c, services, limits.bodyBytes), share);
  switch (mediaTypeOf(contentType)) {
    case 'application/json':
      return { kind: 'json', value: await readJsonBody(chunks) };
    case 'multipart/form-data': {
      const { parts, fieldBytes, imageBytes } = limits;
      return {
        kind: 'form',
        parts: await readMultipart(chunks, contentType, { parts, fieldBytes, fileBytes: imageBytes }),
      };
    }
    default:
      throw new AppError('media_type_unsupported', 'The body must be application/json or multipart/form-data.');
  }
}

export function receiveBody(c: ApiContext, { limits }: Services, maxBytes: number): AsyncGenerator<Uint8Array> {
  const { incoming, outgoing } = c.env;
  return receive(incoming, outgoing, { maxBytes, idleMs: limits.bodyIdleMs, totalMs: limits.bodyTotalMs });
}

async function* held(chunks: AsyncIterable<Uint8Array>, share: ByteShare): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    share.hold(chunk.length);
    yield chunk;
  }
}
