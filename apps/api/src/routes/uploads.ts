import { AppError } from '@qwen-edit/contract';
import { addUpload, newId, withinQuota } from '@qwen-edit/db';
import { STORED_KINDS } from '@qwen-edit/storage';
import { z } from 'zod';
import { type AddressDeps, baseUrlOf } from '../base-url.ts';
import { jsonBody } from '../body/request-body.ts';
import type { ApiOptions } from '../deps.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, jsonAnswer, NO_PARAMS } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { untilKnown } from '../until-known.ts';

const uploadBody = jsonBody(
  z.strictObject({
    media_type: z
      .string()
      .regex(/^image\/[a-z0-9.+-]{1,60}$/, 'must be the type of a picture, as image/png')
      .optional(),
    bytes: z.int('must be a whole number').min(1, 'must be 1 or more').optional(),
  }),
  { required: false },
);

const uploadSchema = z.object({
  id: z.string(),
  url: z.string(),
  method: z.literal('PUT'),
  headers: z.record(z.string(), z.string()),
  expires_at: z.string(),
  max_bytes: z.int(),
});

type UploadDeps = AddressDeps &
  Pick<Services, 'database' | 'limits' | 'now' | 'store'> & {
    readonly options: Pick<ApiOptions, 'maxUnusedBytes'>;
  };

/** Gives an address to put a picture to. A submission then names the picture by the upload's id. */
export function uploadRoutes(deps: UploadDeps): readonly ApiRoute[] {
  const { database, limits, now, store, options } = deps;
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/uploads',
      scope: 'submit',
      summary: 'Gives an address to put a picture to',
      params: NO_PARAMS,
      query: ANY_QUERY,
      body: uploadBody,
      answers: { 201: jsonAnswer(uploadSchema, 'The address, and what to send to it') },
      async handler({ c, caller: { owner } }) {
        const { media_type, bytes } = await uploadBody.read(c, limits);
        if (bytes !== undefined && bytes > limits.imageBytes)
          throw new AppError('image_too_large', `A picture may have ${limits.imageBytes} bytes, not ${bytes}.`);
        const id = newId('upload');
        const key = STORED_KINDS.upload.keyOf({ uploadId: id });
        const expiresSeconds = limits.uploadExpirySeconds;
        const url = await store.presignPut(key, {
          expiresSeconds,
          maxBytes: limits.imageBytes,
          ...(bytes === undefined ? {} : { bytes }),
          ...(media_type === undefined ? {} : { mediaType: media_type }),
        });
        const row = { id, owner, key, mediaType: media_type ?? 'application/octet-stream' };
        // What is put to the API is counted then. What goes to the store itself has to be counted before, as much as it may be.
        const expected = bytes ?? (store.answersSignedUrls ? limits.imageBytes : 0);
        const charge = { owner, assetId: id, bytes: expected, quotaBytes: options.maxUnusedBytes };
        await untilKnown(limits, () => withinQuota(database, charge, (tx) => addUpload(tx, row)));
        const upload: z.output<typeof uploadSchema> = {
          id,
          url: store.answersSignedUrls ? url : atBaseUrl(url, baseUrlOf(c, deps)),
          method: 'PUT',
          headers: media_type === undefined ? {} : { 'Content-Type': media_type },
          expires_at: new Date(now().getTime() + expiresSeconds * 1000).toISOString(),
          max_bytes: bytes ?? limits.imageBytes,
        };
        return c.json(upload, 201);
      },
    }),
  ];
}

/**
 * A signed address of this API, under the name by which the caller reaches it. The store does not know that name, and
 * its signatures leave the name out.
 */
function atBaseUrl(url: string, baseUrl: string): string {
  const { pathname, search } = new URL(url);
  return `${baseUrl}${pathname.slice(pathname.indexOf('/v1/'))}${search}`;
}
