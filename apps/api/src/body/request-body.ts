import { AppError, parseFields } from '@qwen-edit/contract';
import type { z } from 'zod';
import type { ByteShare } from '../byte-budget.ts';
import type { ApiContext } from '../context.ts';
import type { ApiLimits } from '../deps.ts';
import type { RouteBody } from '../routing/route.ts';
import { mediaTypeOf } from './media-type.ts';
import { readJsonBody } from './read-json.ts';
import { type FormPart, readMultipart } from './read-multipart.ts';
import { hasBody, receiveBody } from './receive.ts';

/** How long a body may take to arrive. */
export type BodyTimes = Pick<ApiLimits, 'bodyIdleMs' | 'bodyTotalMs'>;

/** A JSON body of a few fields. */
export interface JsonBody<T> extends RouteBody {
  /** The body, checked by the schema; one that may be left out is then an empty object. Throws AppError. */
  read(c: ApiContext, limits: BodyTimes): Promise<T>;
}

/** What a submission sent, before its fields are looked at. */
export type SubmissionContent =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'form'; readonly parts: readonly FormPart[] };

export type SubmissionLimits = BodyTimes & Pick<ApiLimits, 'bodyBytes' | 'parts' | 'fieldBytes' | 'imageBytes'>;

/** A body with pictures: JSON or a form. */
export interface SubmissionBody extends RouteBody {
  /** Reads the body whole, within the limits of a request, and counts it in `share` as it comes. Throws AppError. */
  read(c: ApiContext, limits: SubmissionLimits, share: ByteShare): Promise<SubmissionContent>;
}

const FEW_FIELDS_BYTES = 10_000;

/** The text of a body, the strings that are parsed from it, and the pictures that these are decoded to. */
const JSON_COPIES = 3;
/** The pieces of a body, and the files that they are joined to. */
const FORM_COPIES = 2;

/**
 * Declares a small JSON body.
 *
 * @example
 * const body = jsonBody(z.strictObject({ key: z.string() }), { required: true });
 * defineRoute({ …, body, handler: async ({ c }) => use(await body.read(c, limits)) });
 */
export function jsonBody<T>(
  schema: z.ZodType<T>,
  { required, maxBytes = FEW_FIELDS_BYTES }: { readonly required: boolean; readonly maxBytes?: number },
): JsonBody<T> {
  return {
    required,
    content: { 'application/json': schema },
    async read(c, limits) {
      const sent = required || hasBody(c.env.incoming);
      const value = sent ? await readJsonBody(receiveRequest(c, limits, maxBytes)) : {};
      return parseFields(schema, value);
    },
  };
}

/**
 * Declares a body with pictures, which is read as a stream. The schemas describe it; its reader does not check them.
 */
export function submissionBody(schemas: { readonly json: z.ZodType; readonly form: z.ZodType }): SubmissionBody {
  return {
    required: true,
    content: { 'application/json': schemas.json, 'multipart/form-data': schemas.form },
    async read(c, limits, share) {
      const contentType = c.req.header('content-type') ?? '';
      const chunks = receiveRequest(c, limits, limits.bodyBytes);
      switch (mediaTypeOf(contentType)) {
        case 'application/json':
          return { kind: 'json', value: await readJsonBody(heldBy(share, chunks, JSON_COPIES)) };
        case 'multipart/form-data': {
          const { parts, fieldBytes, imageBytes } = limits;
          const formLimits = { parts, fieldBytes, fileBytes: imageBytes };
          return {
            kind: 'form',
            parts: await readMultipart(heldBy(share, chunks, FORM_COPIES), contentType, formLimits),
          };
        }
        default:
          throw new AppError('media_type_unsupported', 'The body must be application/json or multipart/form-data.');
      }
    },
  };
}

/** The body of a request in pieces, within a number of bytes and the time that a body may take. Throws AppError. */
export function receiveRequest(c: ApiContext, limits: BodyTimes, maxBytes: number): AsyncGenerator<Uint8Array> {
  const { incoming, outgoing } = c.env;
  return receiveBody(incoming, outgoing, { maxBytes, idleMs: limits.bodyIdleMs, totalMs: limits.bodyTotalMs });
}

/** Counts a body as it comes, with the copies of it that reading it will make. */
async function* heldBy(
  share: ByteShare,
  chunks: AsyncIterable<Uint8Array>,
  copies: number,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    share.hold(copies * chunk.length);
    yield chunk;
  }
}
