import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { ApiContext } from '../context.ts';

/** What the name of a session's cookie begins with. */
export const SESSION_COOKIE = 'qwen_edit_session';
/**
 * No script can read the cookie, and no request that another site causes carries it. Source: RFC 6265bis, section
 * 4.1.2.
 */
const ATTRIBUTES = { httpOnly: true, sameSite: 'Strict', path: '/' } as const;
/** A browser takes a cookie of such a name from https only, and from the host itself. Source: RFC 6265bis, section 4.1.3.2. */
const HOST_ONLY = '__Host-';

/** The id of a session in the cookie of a request. */
export function sessionIdOf(c: ApiContext, publicUrl: string | undefined): string | undefined {
  const name = cookieName(c, publicUrl);
  return getCookie(c, HOST_ONLY + name) ?? getCookie(c, name);
}

/** Has the browser keep the id of a session. */
export function setSessionCookie(
  c: ApiContext,
  id: string,
  { publicUrl, lastsMs }: { readonly publicUrl: string | undefined; readonly lastsMs: number },
): void {
  const secure = isHttps(c, publicUrl);
  const name = cookieName(c, publicUrl);
  forgetKey(c);
  setCookie(c, secure ? HOST_ONLY + name : name, id, { ...ATTRIBUTES, maxAge: Math.floor(lastsMs / 1000), secure });
}

/** Has the browser forget the session. */
export function clearSessionCookie(c: ApiContext, publicUrl: string | undefined): void {
  const name = cookieName(c, publicUrl);
  forgetKey(c);
  deleteCookie(c, name, ATTRIBUTES);
  if (getCookie(c, HOST_ONLY + name) !== undefined) {
    deleteCookie(c, HOST_ONLY + name, { ...ATTRIBUTES, secure: true });
  }
}

/** Version 0.1.0 kept the API key itself in a cookie. It lets nobody in any more, and must not stay in the browser. */
function forgetKey(c: ApiContext): void {
  if (getCookie(c, SESSION_COOKIE) !== undefined) deleteCookie(c, SESSION_COOKIE, ATTRIBUTES);
}

/**
 * A browser sends a cookie to all ports and paths of a host. So the name has the port and the path of the service: two services on
 * one host do not take each other's cookies.
 */
function cookieName(c: ApiContext, publicUrl: string | undefined): string {
  const { port, protocol, pathname } = new URL(publicUrl ?? c.req.url);
  const place = publicUrl === undefined ? '' : pathname.replace(/\W+/g, '_').replace(/_$/, '');
  return `${SESSION_COOKIE}_${port || (protocol === 'https:' ? '443' : '80')}${place}`;
}

/** If a proxy ends TLS before us, the page's own origin tells how the browser reaches it. */
function isHttps(c: ApiContext, publicUrl: string | undefined): boolean {
  return [publicUrl, c.req.header('origin'), c.req.url].some((url) => /^https:/i.test(url ?? ''));
}
