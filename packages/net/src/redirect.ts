import { checkUrl, refused, type UrlRules } from './check-url.ts';
import { unreachable } from './net-errors.ts';

/** One request of a chain of redirects. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | null;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const SECRETS = new Set(['authorization', 'cookie', 'proxy-authorization']);

/**
 * The next request after a redirect, with its URL checked; undefined if the answer is no redirect. Another origin gets no
 * credentials, and a chain that began with https does not continue with http. Source: Fetch standard, "HTTP-redirect fetch".
 * Throws AppError `url_refused` or `url_unreachable`.
 */
export function nextHop(hop: Hop, status: number, location: string | null, rules: UrlRules): Hop | undefined {
  if (!REDIRECTS.has(status) || location === null) return undefined;
  const target = URL.parse(location, hop.url);
  if (target === null) throw unreachable(hop.url, 'it redirects to something that is not a URL');
  const url = checkUrl(target.href, rules);
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    throw refused(
      `${hop.url.host} redirects from https to http.`,
      'Name the address that is redirected to, with https.',
    );
  }

  const becomesGet = status === 303 ? hop.method !== 'HEAD' : status <= 302 && hop.method === 'POST';
  const method = becomesGet ? 'GET' : hop.method;
  const headers = Object.fromEntries(
    Object.entries(hop.headers).filter(
      ([name]) => !(becomesGet && name.startsWith('content-')) && !(url.origin !== hop.url.origin && SECRETS.has(name)),
    ),
  );
  return { url, method, headers, body: becomesGet ? null : hop.body };
}
