import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError, type Caller, LOCAL_OWNER, SCOPES, type Scope } from '@qwen-edit/contract';
import { type Database, findApiKey, hasApiKeys } from '@qwen-edit/db';
import type { ApiContext } from '../context.ts';
import type { ApiLimits, ApiOptions } from '../deps.ts';
import { refuseForeignPages, refuseForgedRequest } from './same-site.ts';
import { sessionKeyOf } from './session-cookie.ts';

export interface Gate {
  /** The caller, if they have this scope. Throws AppError `unauthorized`, `forbidden` or `origin_refused`. */
  admit(c: ApiContext, scope: Scope): Promise<Caller>;
  /** The holder of a key; undefined if the key is unknown or revoked. */
  identify(key: string): Promise<Caller | undefined>;
}

export interface GateDeps {
  readonly database: Database;
  readonly options: Pick<ApiOptions, 'keysRequired' | 'insecure' | 'localToken' | 'publicUrl'>;
  readonly limits: Pick<ApiLimits, 'keysCachedMs'>;
  readonly now: () => Date;
}

const LOCAL: Caller = { owner: LOCAL_OWNER, scopes: SCOPES };

/**
 * Admits callers by an API key in a header or in the cookie of a session. Admits callers without a key only if no key
 * was ever made and only this machine can call.
 */
export function createGate({ database, options, limits, now }: GateDeps): Gate {
  const anyHost = options.keysRequired && options.insecure;
  let keysUsed = false;
  let lookedAt = Number.NEGATIVE_INFINITY;

  /** Once a key was made, keys are needed for ever, so that only "none was made yet" has to be asked again. */
  async function needsKey(): Promise<boolean> {
    if (options.keysRequired && !options.insecure) return true;
    const time = now().getTime();
    if (!keysUsed && time - lookedAt >= limits.keysCachedMs) {
      keysUsed = await hasApiKeys(database.db);
      lookedAt = time;
    }
    return keysUsed;
  }

  async function identify(key: string): Promise<Caller | undefined> {
    if (options.localToken !== undefined && isSame(key, options.localToken)) return LOCAL;
    const row = await findApiKey(database.db, key);
    return row === undefined ? undefined : { owner: row.owner, scopes: row.scopes, keyId: row.id };
  }

  async function callerOf(c: ApiContext): Promise<Caller> {
    const token = tokenOf((name) => c.req.header(name));
    if (token !== undefined) {
      const caller = await identify(token);
      if (caller === undefined) throw new AppError('unauthorized', 'The API key is unknown or was revoked.');
      return caller;
    }
    const { url, method } = c.req;
    const page = { url, method, header: (name: string) => c.req.header(name), publicUrl: options.publicUrl };
    const session = sessionKeyOf(c);
    const known = session === undefined ? undefined : await identify(session);
    if (known !== undefined) {
      refuseForgedRequest(page);
      return known;
    }
    // A cookie belongs to all ports of a host. If no key is needed, the cookie of another service must not lock anybody
    // out.
    if (await needsKey()) {
      throw new AppError(
        'unauthorized',
        session === undefined ? 'The request carries no API key.' : 'The key of the session is unknown or was revoked.',
      );
    }
    refuseForeignPages({ ...page, anyHost });
    return LOCAL;
  }

  return {
    async admit(c, scope) {
      const caller = await callerOf(c);
      c.set('caller', caller);
      if (!caller.scopes.includes(scope) && !caller.scopes.includes('admin')) {
        throw new AppError('forbidden', `The API key lacks the scope ${scope}.`);
      }
      return caller;
    },
    identify,
  };
}

/**
 * The key that the request carries: `Authorization: Bearer KEY` or `X-API-Key: KEY`. Throws `unauthorized` for another
 * scheme.
 */
function tokenOf(header: (name: string) => string | undefined): string | undefined {
  const authorization = header('authorization');
  if (authorization === undefined) return header('x-api-key');
  const [, token] = /^bearer +([^\s]+) *$/i.exec(authorization) ?? [];
  if (token === undefined) throw new AppError('unauthorized', 'The Authorization header has no Bearer key.');
  return token;
}

function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
