import { AppError } from '@qwen-edit/contract';
import { type AssetRow, readOutput } from '@qwen-edit/db';
import type { Hono } from 'hono';
import type { ApiContext, ApiEnv } from '../context.ts';
import { jobIdOf } from '../ids.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';
import { type ObjectFacts, sendObject } from '../stream/send-object.ts';

/** Results of jobs: the picture itself from the file store, a redirect to a signed address on S3. */
export function outputRoutes(app: Hono<ApiEnv>, services: Services): void {
  const { database, gate, limits, store } = services;
  route(app, '/v1/jobs/:id/outputs/:n', {
    GET: async (c) => {
      const { owner } = await gate.admit(c, 'read');
      const position = positionOf(c);
      const output = await readOutput(database.db, { owner, jobId: jobIdOf(c), position });
      if (output === undefined) throw outputNotFound();
      const facts = factsOf(output);
      const here = store.kind === 'file' || c.req.raw.method === 'HEAD' || c.req.header('if-none-match') === facts.etag;
      if (here) {
        const response = await sendObject(c, services, facts);
        if (response === undefined) throw outputNotFound();
        return response;
      }
      const Location = await store.presignGet(output.key, {
        expiresSeconds: limits.downloadExpirySeconds,
        mediaType: output.mediaType,
      });
      return c.body(null, 302, { Location, ETag: facts.etag });
    },
  });
}

function factsOf({ key, bytes, sha256, mediaType, jobId, position }: AssetRow): ObjectFacts {
  const fileName = `${jobId}-${position}.${mediaType === 'image/jpeg' ? 'jpg' : mediaType.replace(/^image\//, '')}`;
  return {
    key,
    bytes: bytes ?? 0,
    etag: `"${sha256}"`,
    headers: {
      'Content-Type': mediaType,
      'Content-Disposition': `inline; filename="${fileName}"`,
      // A job's results never change.
      'Cache-Control': 'private, max-age=31536000, immutable',
    },
  };
}

function positionOf(c: ApiContext): number {
  const n = c.req.param('n') ?? '';
  if (!/^\d{1,3}$/.test(n)) throw outputNotFound();
  return Number(n);
}

function outputNotFound(): AppError {
  return new AppError('not_found', 'The job has no such result, or none yet.');
}
