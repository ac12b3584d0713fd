import { AppError } from '@qwen-edit/contract';
import { beginSession, type Database, deleteSession } from '@qwen-edit/db';
import { z } from 'zod';
import { type BodyTimes, jsonBody } from '../body/request-body.ts';
import type { ApiContext } from '../context.ts';
import type { ApiLimits, ApiOptions } from '../deps.ts';
import type { Gate } from '../middleware/authenticate.ts';
import { pageOf } from '../middleware/same-site.ts';
import { clearSessionCookie, sessionIdOf, setSessionCookie } from '../middleware/session-cookie.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, emptyAnswer, NO_PARAMS } from '../routing/route.ts';

const sessionBody = jsonBody(
  z.strictObject({
    key: z.string('must be a text').min(1, 'must not be empty').max(1000, 'is too long'),
  }),
  { required: true },
);

interface SessionRouteDeps {
  readonly database: Database;
  readonly gate: Pick<Gate, 'openSession'>;
  readonly limits: BodyTimes & Pick<ApiLimits, 'sessionMs'>;
  readonly options: Pick<ApiOptions, 'publicUrl'>;
}

/**
 * Lets a page in a browser call with an API key that its scripts need not keep. Pictures, event streams and links carry
 * the cookie too. The browser gets a random id, never the key; the session ends with its key.
 */
export function sessionRoutes({ database, gate, limits, options }: SessionRouteDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/session',
      scope: 'open',
      summary: 'Signs a browser in with an API key',
      params: NO_PARAMS,
      query: ANY_QUERY,
      body: sessionBody,
      answers: { 204: emptyAnswer('The browser has the cookie of a session') },
      async handler({ c }) {
        refuseForeignPage(c);
        const { key } = await sessionBody.read(c, limits);
        const credential = await gate.openSession(c, key);
        const { publicUrl } = options;
        // The session that this browser had before would otherwise go on unused.
        const former = sessionIdOf(c, publicUrl);
        if (former !== undefined) await deleteSession(database.db, former);
        const id = await beginSession(database.db, credential, limits.sessionMs);
        setSessionCookie(c, id, { publicUrl, lastsMs: limits.sessionMs });
        return c.body(null, 204);
      },
    }),
    defineRoute({
      method: 'DELETE',
      path: '/v1/session',
      scope: 'open',
      summary: 'Signs a browser out',
      params: NO_PARAMS,
      query: ANY_QUERY,
      answers: { 204: emptyAnswer('The session is deleted, and its cookie') },
      async handler({ c }) {
        refuseForeignPage(c);
        const id = sessionIdOf(c, options.publicUrl);
        if (id !== undefined) await deleteSession(database.db, id);
        clearSessionCookie(c, options.publicUrl);
        return c.body(null, 204);
      },
    }),
  ];

  /** Only our own page may sign a person in or out. */
  function refuseForeignPage(c: ApiContext): void {
    const { url, method } = c.req;
    const page = pageOf({ url, method, header: (name) => c.req.header(name), publicUrl: options.publicUrl });
    if (page === 'foreign')
      throw new AppError('origin_refused', 'The page that calls has another origin than the API.');
  }
}
