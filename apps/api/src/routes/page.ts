import { createHash } from 'node:crypto';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { matchesNone } from '../byte-range.ts';
import type { ApiContext } from '../context.ts';
import type { ApiOptions } from '../deps.ts';
import { createBuiltPage, type PageAsset } from '../page/built-page.ts';
import { PLAIN_STYLE_HASH, plainContent, plainPage } from '../page/plain-page.ts';
import { ANY_QUERY, type ApiRoute, binaryAnswer, defineRoute, emptyAnswer, NO_PARAMS } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { presentModels } from './models.ts';

const policy = (directives: Readonly<Record<string, string>>): string =>
  Object.entries({ 'default-src': "'none'", 'frame-ancestors': "'none'", 'base-uri': "'none'", ...directives })
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');

const PLAIN_POLICY = policy({ 'style-src': PLAIN_STYLE_HASH, 'form-action': "'none'" });
interface PageDeps extends Pick<Services, 'status'> {
  readonly options: Pick<ApiOptions, 'pageDir'>;
}

/** Pictures may lie in an object storage, whose name is not known here. */
const BUILT_POLICY = policy({
  'script-src': "'self'",
  'style-src': `'self' ${PLAIN_STYLE_HASH}`,
  'style-src-attr': "'unsafe-inline'",
  'img-src': "'self' blob: data: https: http:",
  'connect-src': "'self' https: http:",
  'form-action': "'self'",
});

/**
 * The page for people. It is open to all: it tells nothing of any job. If no page was built, a plain one is sent, which
 * is also what a browser without scripts shows. While the database cannot be asked, the page leaves the models out.
 */
export function pageRoutes({ status, options }: PageDeps): readonly ApiRoute[] {
  const built = createBuiltPage(options.pageDir);
  return [
    defineRoute({
      method: 'GET',
      path: '/',
      scope: 'open',
      summary: 'The page for people',
      params: NO_PARAMS,
      query: ANY_QUERY,
      answers: {
        200: { description: 'The page', content: { 'text/html': z.string() } },
        304: emptyAnswer('The caller has the page'),
      },
      async handler({ c }) {
        const { origin } = new URL(c.req.url);
        const models = presentModels((await status.workers()) ?? []);
        const html = await built.html(() => plainContent(origin, models));
        return html === undefined
          ? sendPage(c, plainPage(origin, models), PLAIN_POLICY)
          : sendPage(c, html, BUILT_POLICY);
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/assets/:name',
      scope: 'open',
      summary: 'A part of the page',
      params: z.object({ name: z.string() }),
      query: ANY_QUERY,
      answers: { 200: binaryAnswer(['*/*'], 'The part'), 304: emptyAnswer('The caller has the part') },
      async handler({ c, params: { name } }) {
        const asset = await built.asset(name, c.req.header('accept-encoding'));
        if (asset === undefined) throw new AppError('not_found', 'The page has no such part.');
        return sendAsset(c, asset);
      },
    }),
  ];
}

function sendAsset(c: ApiContext, { bytes, mediaType, encoding, etag }: PageAsset): Response {
  const headers = {
    'Content-Type': mediaType,
    'Cache-Control': 'public, max-age=31536000, immutable',
    ETag: etag,
    Vary: 'Accept-Encoding',
    ...(encoding === undefined ? {} : { 'Content-Encoding': encoding }),
  };
  if (matchesNone(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  return c.body(new Uint8Array(bytes), 200, { ...headers, 'Content-Length': String(bytes.length) });
}

function sendPage(c: ApiContext, html: string, contentPolicy: string): Response {
  const etag = `"${createHash('sha256').update(html).digest('base64url')}"`;
  const headers = {
    'Content-Security-Policy': contentPolicy,
    'Referrer-Policy': 'same-origin',
    // A browser asks each time: an old page names parts that a new version no longer has.
    'Cache-Control': 'no-cache',
    ETag: etag,
  };
  if (matchesNone(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  return c.html(html, 200, headers);
}
