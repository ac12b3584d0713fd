import { AppError, endingsOf, THUMBNAIL_MEDIA_TYPE } from '@qwen-edit/contract';
import { type AssetRow, readInput, readOutput } from '@qwen-edit/db';
import { z } from 'zod';
import { matchesNone } from '../byte-range.ts';
import { type ApiContext, clientGone } from '../context.ts';
import { jobIdSchema } from '../routing/path-params.ts';
import { ANY_QUERY, type ApiRoute, binaryAnswer, defineRoute, emptyAnswer } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { type ObjectFacts, type SendDeps, sendObject } from '../stream/send-object.ts';
import type { Original } from '../thumbnails.ts';

/** The pictures that a job was given, and those that it made. */
const SERIES = {
  inputs: {
    read: readInput,
    fileName: (job: string, n: number) => `${job}-input-${n}`,
    absent: 'The job has no such picture.',
  },
  outputs: {
    read: readOutput,
    fileName: (job: string, n: number) => `${job}-${n}`,
    absent: 'The job has no such result, or none yet.',
  },
} as const;
type Series = (typeof SERIES)[keyof typeof SERIES];

/** A picture under one of these addresses never changes. */
const FOR_EVER = 'private, max-age=31536000, immutable';

type PictureDeps = SendDeps & Pick<Services, 'database' | 'limits'>;

/**
 * Pictures of jobs. The API sends a picture itself if the store's signed addresses lead back to it, else it redirects
 * to the store, except for scripts of a page. It always sends thumbnails itself: they are small, and a list shows many.
 */
export function pictureRoutes(deps: PictureDeps & Pick<Services, 'thumbnails'>): readonly ApiRoute[] {
  return Object.entries(SERIES).flatMap(([name, series]) => [
    pictureRoute(`/v1/jobs/:id/${name}/:n`, deps, series),
    thumbnailRoute(`/v1/jobs/:id/${name}/:n/thumbnail`, deps, series),
  ]);
}

function paramsOf({ absent }: Series) {
  return z.object({
    id: jobIdSchema,
    n: z
      .string()
      .regex(/^\d{1,3}$/, absent)
      .transform(Number),
  });
}

function pictureRoute(path: string, deps: PictureDeps, series: Series): ApiRoute {
  const { store, limits } = deps;
  return defineRoute({
    method: 'GET',
    path,
    scope: 'read',
    summary: 'A picture',
    params: paramsOf(series),
    query: ANY_QUERY,
    answers: {
      200: binaryAnswer(['image/*'], 'The picture'),
      206: binaryAnswer(['image/*'], 'The part of the picture that Range asks for'),
      302: emptyAnswer('The address of the picture'),
      304: emptyAnswer('The caller has the picture'),
    },
    async handler({ c, caller: { owner }, params: { id, n } }) {
      const picture = await findPicture(deps, series, { owner, jobId: id, position: n });
      const facts = factsOf(picture, series.fileName(id, n));
      if (!store.answersSignedUrls || needsNoContent(c, facts.etag) || callsFromScript(c)) {
        const response = await sendObject(c, deps, facts);
        if (response === undefined) throw new AppError('not_found', series.absent);
        return response;
      }
      const Location = await store.presignGet(picture.key, {
        expiresSeconds: limits.downloadExpirySeconds,
        mediaType: picture.mediaType,
      });
      return c.body(null, 302, { Location, ETag: facts.etag });
    },
  });
}

function needsNoContent(c: ApiContext, etag: string): boolean {
  return c.req.raw.method === 'HEAD' || c.req.header('if-none-match') === etag;
}

/** A browser lets a script follow to another host only if that host allows it, which a bucket seldom does. */
function callsFromScript(c: ApiContext): boolean {
  return c.req.header('sec-fetch-dest') === 'empty';
}

function thumbnailRoute(path: string, deps: Pick<Services, 'database' | 'thumbnails'>, series: Series): ApiRoute {
  return defineRoute({
    method: 'GET',
    path,
    scope: 'read',
    summary: 'A picture, small',
    params: paramsOf(series),
    query: ANY_QUERY,
    answers: {
      200: binaryAnswer([THUMBNAIL_MEDIA_TYPE], 'The thumbnail'),
      304: emptyAnswer('The caller has the thumbnail'),
    },
    async handler({ c, caller: { owner }, params: { id, n } }) {
      const picture = await findPicture(deps, series, { owner, jobId: id, position: n });
      const etag = `"thumbnail-${picture.sha256}"`;
      const headers = { 'Content-Type': THUMBNAIL_MEDIA_TYPE, 'Cache-Control': FOR_EVER, ETag: etag };
      if (matchesNone(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
      const bytes = await deps.thumbnails.read(originalOf(picture), clientGone(c));
      if (bytes === undefined) throw new AppError('not_found', series.absent);
      return c.body(new Uint8Array(bytes), 200, { ...headers, 'Content-Length': String(bytes.length) });
    },
  });
}

async function findPicture(
  { database }: Pick<Services, 'database'>,
  { read, absent }: Series,
  place: { readonly owner: string; readonly jobId: string; readonly position: number },
): Promise<AssetRow> {
  const picture = await read(database.db, place);
  if (picture === undefined) throw new AppError('not_found', absent);
  return picture;
}

function originalOf({ key, bytes, owner, width, height }: AssetRow): Original {
  return { key, bytes: bytes ?? 0, owner, width: width ?? 1, height: height ?? 1 };
}

function factsOf({ key, bytes, sha256, mediaType }: AssetRow, fileName: string): ObjectFacts {
  return {
    key,
    bytes: bytes ?? 0,
    etag: `"${sha256}"`,
    headers: {
      'Content-Type': mediaType,
      'Content-Disposition': `inline; filename="${fileName}.${endingsOf(mediaType)[0]}"`,
      'Cache-Control': FOR_EVER,
    },
  };
}
