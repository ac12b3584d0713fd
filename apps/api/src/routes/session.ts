import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { type BodyTimes, jsonBody } from '../body/request-body.ts';
import type { ApiContext } from '../context.ts';
import type { ApiOptions } from '../deps.ts';
import type { Gate } from '../middleware/authenticate.ts';
import { pageOf } from '../middleware/same-site.ts';
import { clearSessionCookie, setSessionCookie } from '../middleware/session-cookie.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, emptyAnswer, NO_PARAMS } from '../routing/route.ts';

const sessionBody = jsonBody(
  z.strictObject({
    key: z.string('must be a text').min(1, 'must not be empty').max(1000, 'is too long'),
  }),
  { required: true },
);

interface SessionRouteDeps {
  readonly gate: Pick<Gate, 'identify'>;
  readonly limits: BodyTimes;
  readonly options: Pick<ApiOptions, 'publicUrl'>;
}

/**
 * Lets a page in a browser call with an API key that its scripts need not keep. Pictures, event streams and links carry
 * the key too. The service keeps nothing: a key that is revoked stops working at once, whatever cookies hold it.
 */
export function sessionRoutes({ gate, limits, options }: SessionRouteDeps): readonly ApiRoute[] {
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
        if ((await gate.identify(key)) === undefined) {
          throw new AppError('unauthorized', 'The API key is unknown or was revoked.');
        }
        setSessionCookie(c, key, options.publicUrl);
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
      answers: { 204: emptyAnswer('The cookie of the session is deleted') },
      handler({ c }) {
        refuseForeignPage(c);
        clearSessionCookie(c);
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
