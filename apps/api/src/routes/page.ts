import { createHash } from 'node:crypto';
import { AppError } from '@qwen-edit/contract';
import type { Hono } from 'hono';
import { matchesNone } from '../byte-range.ts';
import type { ApiContext, ApiEnv } from '../context.ts';
import { createBuiltPage } from '../page/built-page.ts';
import { PLAIN_STYLE_HASH, plainContent, plainPage } from '../page/plain-page.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';
import { presentModels } from './models.ts';

const policy = (directives: Readonly<Record<string, string>>): string =>
  Object.entries({ 'default-src': "'none'", 'frame-ancestors': "'none'", 'base-uri': "'none'", ...directives })
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');

const PLAIN_POLICY = policy({ 'style-src': PLAIN_STYLE_HASH, 'form-action': "'none'" });
/** Pictures and results may lie on an object storage, whose name is not known here. */
const BUILT_POLICY = policy({
  'script-src': "'self'",
  'style-src': `'self' ${PLAIN_STYLE_HASH}`,
  'style-src-attr': "'unsafe-inline'",
  'img-src': "'self' blob: data: https: http:",
  'connect-src': "'self' https: http:",
  'form-action': "'self'",
});

/**
 * The page for people. Open to all: it tells of no job. Where none is built it is a plain one, which is also what is seen
 * without scripts. Without the database, the models are left out.
 */
export function pageRoutes(app: Hono<ApiEnv>, { status, options }: Pick<Services, 'status' | 'options'>): void {
  const built = createBuiltPage(options.pageDir);
  route(app, '/', {
    GET: async (c) => {
      const { origin } = new URL(c.req.url);
      const models = presentModels((await status.workers()) ?? []);
      const html = await built.html(() => plainContent(origin, models));
      return html === undefined
        ? sendPage(c, plainPage(origin, models), PLAIN_POLICY)
        : sendPage(c, html, BUILT_POLICY);
    },
  });
  route(app, '/assets/:name', {
    GET: async (c) => {
      const asset = await built.asset(c.req.param('name') ?? '', c.req.header('accept-encoding'));
      if (asset === undefined) throw new AppError('not_found', 'The page has no such part.');
      const headers = {
        'Content-Type': asset.mediaType,
        'Cache-Control': 'public, max-age=31536000, immutable',
        ETag: asset.etag,
        Vary: 'Accept-Encoding',
        ...(asset.encoding === undefined ? {} : { 'Content-Encoding': asset.encoding }),
      };
      if (matchesNone(c.req.header('if-none-match'), asset.etag)) return c.body(null, 304, headers);
      return c.body(new Uint8Array(asset.bytes), 200, { ...headers, 'Content-Length': String(asset.bytes.length) });
    },
  });
}

function sendPage(c: ApiContext, html: string, contentPolicy: string): Response {
  const etag = `"${createHash('sha256').update(html).digest('base64url')}"`;
  const headers = {
    'Content-Security-Policy': contentPolicy,
    'Referrer-Policy': 'same-origin',
    // Asked for each time: the page names parts that a new version no longer has.
    'Cache-Control': 'no-cache',
    ETag: etag,
  };
  if (matchesNone(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  return c.html(html, 200, headers);
}
