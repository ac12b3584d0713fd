import { AppError } from '@qwen-edit/contract';
import type { Hono } from 'hono';
import { z } from 'zod';
import { receiveBody } from '../body/read-body.ts';
import { readJsonBody } from '../body/read-json.ts';
import { invalidIssue } from '../body/submission.ts';
import type { ApiContext, ApiEnv } from '../context.ts';
import { pageOf } from '../middleware/same-site.ts';
import { clearSessionCookie, setSessionCookie } from '../middleware/session-cookie.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';

const bodySchema = z.strictObject({
  key: z.string('must be a text').min(1, 'must not be empty').max(1000, 'is too long'),
});
const SMALL = 10_000;

/**
 * Lets the page in a browser call with an API key that its scripts need not keep, and that pictures, event streams and links
 * carry too. Nothing is kept here: a key that is revoked stops working at once, whatever cookies hold it.
 */
export function sessionRoutes(app: Hono<ApiEnv>, services: Services): void {
  const { gate, options } = services;
  route(app, '/v1/session', {
    POST: async (c) => {
      refuseOthers(c);
      const parsed = bodySchema.safeParse(await readJsonBody(receiveBody(c, services, SMALL)));
      if (!parsed.success) throw invalidIssue(parsed.error);
      const { key } = parsed.data;
      if ((await gate.identify(key)) === undefined) {
        throw new AppError('unauthorized', 'The API key is unknown or was revoked.');
      }
      setSessionCookie(c, key, options.publicUrl);
      return c.body(null, 204);
    },
    DELETE: (c) => {
      refuseOthers(c);
      clearSessionCookie(c);
      return c.body(null, 204);
    },
  });

  /** No page but ours may sign a person in or out. */
  function refuseOthers(c: ApiContext): void {
    const { url, method } = c.req;
    const page = pageOf({ url, method, header: (name) => c.req.header(name), publicUrl: options.publicUrl });
    if (page === 'foreign')
      throw new AppError('origin_refused', 'The page that calls has another origin than the API.');
  }
}
