import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { ApiContext } from '../context.ts';

/** The cookie that keeps an API key in a browser. */
export const SESSION_COOKIE = 'qwen_edit_session';
const MAX_AGE_SECONDS = 30 * 86_400;
/**
 * No script can read the cookie, and no request that another site causes carries it. Source: RFC 6265bis, section
 * 4.1.2.
 */
const ATTRIBUTES = { httpOnly: true, sameSite: 'Strict', path: '/' } as const;

/** The API key in the cookie of a request. */
export function sessionKeyOf(c: ApiContext): string | undefined {
  return getCookie(c, SESSION_COOKIE);
}

/** Has the browser keep an API key. */
export function setSessionCookie(c: ApiContext, key: string, publicUrl: string | undefined): void {
  setCookie(c, SESSION_COOKIE, key, { ...ATTRIBUTES, maxAge: MAX_AGE_SECONDS, secure: isHttps(c, publicUrl) });
}

/** Has the browser forget the API key. */
export function clearSessionCookie(c: ApiContext): void {
  deleteCookie(c, SESSION_COOKIE, ATTRIBUTES);
}

/** If a proxy ends TLS before us, the page's own origin tells how the browser reaches it. */
function isHttps(c: ApiContext, publicUrl: string | undefined): boolean {
  return [publicUrl, c.req.header('origin'), c.req.url].some((url) => /^https:/i.test(url ?? ''));
}
