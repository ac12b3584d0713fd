import { addUpload, newId } from '@qwen-edit/db';
import { STORED_KINDS } from '@qwen-edit/storage';
import type { Hono } from 'hono';
import { z } from 'zod';
import { baseUrlOf } from '../base-url.ts';
import { receiveBody } from '../body/read-body.ts';
import { readJsonBody } from '../body/read-json.ts';
import { hasBody } from '../body/receive.ts';
import { invalidIssue } from '../body/submission.ts';
import type { ApiContext, ApiEnv } from '../context.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';

const bodySchema = z.strictObject({
  media_type: z
    .string()
    .regex(/^image\/[a-z0-9.+-]{1,60}$/, 'must be the type of a picture, as image/png')
    .optional(),
});
const SMALL = 10_000;

/** Gives an address to put a picture to; its id then stands for the picture in a submission. */
export function uploadRoutes(app: Hono<ApiEnv>, services: Services): void {
  const { database, gate, limits, now, store } = services;
  route(app, '/v1/uploads', {
    POST: async (c) => {
      const { owner } = await gate.admit(c, 'submit');
      const { media_type } = await readRequest(c, services);
      const id = newId('upload');
      const key = STORED_KINDS.upload.keyOf({ uploadId: id });
      const expiresSeconds = limits.uploadExpirySeconds;
      const url = await store.presignPut(key, {
        expiresSeconds,
        maxBytes: limits.imageBytes,
        ...(media_type === undefined ? {} : { mediaType: media_type }),
      });
      await addUpload(database.db, { id, owner, key, mediaType: media_type ?? 'application/octet-stream' });
      const upload = {
        id,
        url: store.answersSignedUrls ? url : atCaller(c, url, services.options.publicUrl),
        method: 'PUT',
        headers: media_type === undefined ? {} : { 'Content-Type': media_type },
        expires_at: new Date(now().getTime() + expiresSeconds * 1000).toISOString(),
        max_bytes: limits.imageBytes,
      };
      return c.json(upload, 201);
    },
  });
}

/** The file store does not know by which name this caller reaches the API; its signatures leave the name out. */
function atCaller(c: ApiContext, url: string, publicUrl: string | undefined): string {
  const { pathname, search } = new URL(url);
  return `${baseUrlOf(c, publicUrl)}${pathname.slice(pathname.indexOf('/v1/'))}${search}`;
}

/** The body may be left out. */
async function readRequest(c: ApiContext, services: Services): Promise<z.output<typeof bodySchema>> {
  const value = hasBody(c.env.incoming) ? await readJsonBody(receiveBody(c, services, SMALL)) : {};
  const parsed = bodySchema.safeParse(value);
  if (!parsed.success) throw invalidIssue(parsed.error);
  return parsed.data;
}
