import { AppError } from '@qwen-edit/contract';
import { type AssetRow, readInput, readOutput } from '@qwen-edit/db';
import type { Hono } from 'hono';
import { matchesNone } from '../byte-range.ts';
import { type ApiContext, type ApiEnv, clientGone } from '../context.ts';
import { endingOf } from '../edit/output-files.ts';
import { jobIdOf } from '../ids.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';
import { type ObjectFacts, sendObject } from '../stream/send-object.ts';

/** What a job was given and what it made. */
const SERIES = {
  inputs: { read: readInput, called: 'input-', absent: 'The job has no such picture.' },
  outputs: { read: readOutput, called: '', absent: 'The job has no such result, or none yet.' },
} as const;
type Series = (typeof SERIES)[keyof typeof SERIES];

/** What is under these addresses never changes. */
const FOR_EVER = 'private, max-age=31536000, immutable';

/**
 * Pictures of jobs: the picture itself from the file store, a redirect to a signed address on S3, but for scripts of
 * a page. A thumbnail is always sent from here: it is small, and a list shows many.
 */
export function pictureRoutes(app: Hono<ApiEnv>, services: Services): void {
  for (const [name, series] of Object.entries(SERIES)) {
    route(app, `/v1/jobs/:id/${name}/:n`, { GET: (c) => getPicture(c, services, series) });
    route(app, `/v1/jobs/:id/${name}/:n/thumbnail`, { GET: (c) => getThumbnail(c, services, series) });
  }
}

async function getPicture(c: ApiContext, services: Services, series: Series): Promise<Response> {
  const { limits, store } = services;
  const { picture, place } = await findPicture(c, services, series);
  const facts = factsOf(picture, place, series);
  const here = !store.answersSignedUrls || c.req.raw.method === 'HEAD' || c.req.header('if-none-match') === facts.etag;
  if (here || callsFromScript(c)) {
    const response = await sendObject(c, services, facts);
    if (response === undefined) throw absent(series);
    return response;
  }
  const Location = await store.presignGet(picture.key, {
    expiresSeconds: limits.downloadExpirySeconds,
    mediaType: picture.mediaType,
  });
  return c.body(null, 302, { Location, ETag: facts.etag });
}

/** A browser lets a script follow to another host only if that host allows it, which a bucket seldom does. */
function callsFromScript(c: ApiContext): boolean {
  return c.req.header('sec-fetch-dest') === 'empty';
}

async function getThumbnail(c: ApiContext, services: Services, series: Series): Promise<Response> {
  const { picture } = await findPicture(c, services, series);
  const etag = `"thumbnail-${picture.sha256}"`;
  const headers = { 'Content-Type': 'image/webp', 'Cache-Control': FOR_EVER, ETag: etag };
  if (matchesNone(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  const bytes = await services.thumbnails.read({ key: picture.key, bytes: picture.bytes ?? 0 }, clientGone(c));
  if (bytes === undefined) throw absent(series);
  return c.body(new Uint8Array(bytes), 200, { ...headers, 'Content-Length': String(bytes.length) });
}

interface Place {
  readonly jobId: string;
  readonly position: number;
}

async function findPicture(
  c: ApiContext,
  { database, gate }: Services,
  series: Series,
): Promise<{ readonly picture: AssetRow; readonly place: Place }> {
  const { owner } = await gate.admit(c, 'read');
  const n = c.req.param('n') ?? '';
  const jobId = jobIdOf(c);
  if (!/^\d{1,3}$/.test(n)) throw absent(series);
  const place = { jobId, position: Number(n) };
  const picture = await series.read(database.db, { owner, ...place });
  if (picture === undefined) throw absent(series);
  return { picture, place };
}

function factsOf({ key, bytes, sha256, mediaType }: AssetRow, place: Place, { called }: Series): ObjectFacts {
  const fileName = `${place.jobId}-${called}${place.position}.${endingOf(mediaType)}`;
  return {
    key,
    bytes: bytes ?? 0,
    etag: `"${sha256}"`,
    headers: {
      'Content-Type': mediaType,
      'Content-Disposition': `inline; filename="${fileName}"`,
      'Cache-Control': FOR_EVER,
    },
  };
}

function absent({ absent }: Series): AppError {
  return new AppError('not_found', absent);
}
