import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError, type Caller, LOCAL_OWNER, SCOPES, type Scope } from '@qwen-edit/contract';
import {
  type Database,
  hasApiKeys,
  hashSecret,
  lookUpApiKey,
  lookUpSession,
  type SessionCredential,
  type SessionLookup,
} from '@qwen-edit/db';
import type { ApiContext } from '../context.ts';
import type { Credential } from '../credential-watch.ts';
import type { ApiLimits, ApiOptions } from '../deps.ts';
import { attemptAddress, createFailedAttempts } from './failed-attempts.ts';
import { refuseForeignHost, refuseForeignPages, refuseForgedRequest } from './same-site.ts';
import { sessionIdOf } from './session-cookie.ts';

/** A caller, and by what they were let in. */
export interface Admitted {
  readonly caller: Caller;
  readonly credential: Credential;
}

export interface Gate {
  /**
   * The caller, if they have this scope. Throws AppError `unauthorized`, `too_many_attempts`, `forbidden`,
   * `origin_refused` or `host_refused`.
   */
  admit(c: ApiContext, scope: Scope): Promise<Admitted>;
  /** Admits anyone to a route that needs no key, but no page of a foreign name. Throws AppError `host_refused`. */
  admitAnyone(c: ApiContext): Promise<void>;
  /** What a session with this key stands for. Throws AppError `unauthorized` or `too_many_attempts`. */
  openSession(c: ApiContext, key: string): Promise<SessionCredential>;
  /** True once callers without a key are refused. */
  needsKey(): Promise<boolean>;
}

export interface GateDeps {
  readonly database: Database;
  readonly options: Pick<ApiOptions, 'keysRequired' | 'insecure' | 'localToken' | 'publicUrl' | 'allowedHosts'>;
  readonly limits: Pick<ApiLimits, 'keysCachedMs' | 'wrongKeys' | 'wrongKeysTogether' | 'wrongKeyMs'>;
  readonly now: () => Date;
}

const LOCAL: Caller = { owner: LOCAL_OWNER, scopes: SCOPES };

/**
 * Admits callers by an API key in a header or in the cookie of a session. Admits callers without a key only if no key
 * was ever made and only this machine can call.
 */
export function createGate({ database, options, limits, now }: GateDeps): Gate {
  const hosts = { publicUrl: options.publicUrl, allowedHosts: options.allowedHosts ?? [] };
  const attempts = createFailedAttempts(limits);
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

  const isLocal = (key: string): boolean => options.localToken !== undefined && isSame(key, options.localToken);
  const addressOf = (c: ApiContext): string => attemptAddress(c.env.incoming.socket.remoteAddress);

  /** The holder of a key that is not the local token. A revoked key takes the same way as one that never was. */
  async function identify(c: ApiContext, key: string): Promise<Caller & { readonly keyId: string }> {
    const found = await attempts.lookUp(addressOf(c), () => lookUpApiKey(database.db, key));
    if (found.state === 'valid') return { owner: found.row.owner, scopes: found.row.scopes, keyId: found.row.id };
    throw attempts.failed(
      addressOf(c),
      found.state === 'expired' ? 'The API key has expired.' : 'The API key is unknown or was revoked.',
    );
  }

  async function admitByKey(c: ApiContext, key: string): Promise<Admitted> {
    if (isLocal(key)) return { caller: LOCAL, credential: { kind: 'local' } };
    const caller = await identify(c, key);
    return { caller, credential: { kind: 'key', id: caller.keyId } };
  }

  function admittedBy(session: string, found: SessionLookup): Admitted | undefined {
    const credential = { kind: 'session', id: hashSecret(session) } as const;
    if (found.state !== 'valid') return undefined;
    if ('key' in found) {
      const { id, owner, scopes } = found.key;
      return { caller: { owner, scopes, keyId: id }, credential };
    }
    const known = options.localToken !== undefined && isSame(found.localHash, hashSecret(options.localToken));
    return known ? { caller: LOCAL, credential } : undefined;
  }

  async function admitted(c: ApiContext): Promise<Admitted> {
    const token = tokenOf((name) => c.req.header(name));
    if (token !== undefined) return admitByKey(c, token);
    const { url, method } = c.req;
    const page = { url, method, header: (name: string) => c.req.header(name), publicUrl: options.publicUrl };
    const session = sessionIdOf(c, options.publicUrl);
    const found =
      session === undefined
        ? undefined
        : await attempts.lookUp(addressOf(c), () => lookUpSession(database.db, session));
    const known = session === undefined || found === undefined ? undefined : admittedBy(session, found);
    if (known !== undefined) {
      refuseForgedRequest(page);
      return known;
    }
    // Another service may have left a cookie. If no key is needed, that must not lock anybody out.
    if (await needsKey()) {
      // A session that was one may be asked for again and again by an open page, which has to learn that it has ended.
      if (found?.state === 'unknown') throw attempts.failed(addressOf(c), 'The session is unknown. Sign in again.');
      throw new AppError(
        'unauthorized',
        session === undefined ? 'The request carries no API key.' : 'The session has ended. Sign in again.',
      );
    }
    refuseForeignHost(url, hosts);
    refuseForeignPages(page);
    return { caller: LOCAL, credential: { kind: 'none' } };
  }

  return {
    async admit(c, scope) {
      const found = await admitted(c);
      const { caller } = found;
      c.set('caller', caller);
      if (!caller.scopes.includes(scope) && !caller.scopes.includes('admin')) {
        throw new AppError('forbidden', `The API key lacks the scope ${scope}.`);
      }
      return found;
    },
    async admitAnyone(c) {
      try {
        refuseForeignHost(c.req.url, hosts);
      } catch (refusal) {
        // Where keys are in use, a foreign name gets nothing that everybody may not have. A database that is away must not
        // keep anyone from asking whether the service lives.
        if (!(await needsKey().catch(() => true))) throw refusal;
      }
    },
    async openSession(c, key) {
      return isLocal(key) ? { localHash: hashSecret(key) } : { keyId: (await identify(c, key)).keyId };
    },
    needsKey,
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
