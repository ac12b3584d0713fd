import { isIP } from 'node:net';
import { AppError } from '@qwen-edit/contract';

export interface PageCheck {
  /** The address of the request, with the host name that the caller used. */
  readonly url: string;
  readonly method: string;
  readonly header: (name: string) => string | undefined;
  readonly publicUrl: string | undefined;
}

/** The names under which a service without keys answers, besides address literals and those of this machine. */
export interface HostRules {
  readonly publicUrl: string | undefined;
  /** In lower case. */
  readonly allowedHosts: readonly string[];
}

/**
 * Refuses a request whose Host header has a foreign name: the web page of that name was made to point at this machine (DNS
 * rebinding), and its browser sees both as one site. No page can do that with an address literal. Throws AppError
 * `host_refused`.
 */
export function refuseForeignHost(url: string, { publicUrl, allowedHosts }: HostRules): void {
  const { hostname } = new URL(url);
  const name = hostname.toLowerCase().replace(/\.$/, '');
  const literal = isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
  if (literal || isLoopbackName(name) || allowedHosts.includes(name)) return;
  if (publicUrl !== undefined && URL.parse(publicUrl)?.hostname === name) return;
  throw new AppError('host_refused', `The service asks for no key and does not answer to ${JSON.stringify(name)}.`, {
    callerHint:
      'Call it by its IP address or by localhost. Whoever runs it can add the name to QWEN_EDIT_ALLOWED_HOSTS, or make an API key.',
  });
}

/** Refuses web pages of other origins where callers need no key. Throws AppError `origin_refused`. */
export function refuseForeignPages({ url, method, header }: Omit<PageCheck, 'publicUrl'>): void {
  const { host } = new URL(url);
  const origin = header('origin');
  if (origin !== undefined && hostOf(origin) !== host) throw foreignOrigin();
  if (header('sec-fetch-site') === 'cross-site' && !navigates(header, method)) {
    throw new AppError('origin_refused', 'The page that calls belongs to another site.');
  }
}

/**
 * Refuses requests that a foreign page makes with the session of our user. A cookie shows who the user is, not which
 * page calls. So a request that changes something has to come from our own page, and one that reads must not come from
 * another page, unless a person follows a link. SameSite alone does not stop pages of other ports of the same host.
 * Throws AppError `origin_refused`. Source: OWASP, Cross-Site Request Forgery Prevention; Fetch Metadata.
 */
export function refuseForgedRequest(check: PageCheck): void {
  const page = pageOf(check);
  const { method, header } = check;
  const reads = method === 'GET' || method === 'HEAD';
  if (reads ? page === 'foreign' && !navigates(header, method) : page !== 'own') throw foreignOrigin();
}

/** Which page calls, as the browser says: our own, a foreign one, or `unsaid`, as for programs. */
export function pageOf({ url, header, publicUrl }: PageCheck): 'own' | 'foreign' | 'unsaid' {
  const site = header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'foreign';
  const origin = header('origin');
  if (origin === undefined) return site === 'same-origin' ? 'own' : 'unsaid';
  const host = hostOf(origin);
  return host !== undefined && (host === new URL(url).host || host === hostOf(publicUrl)) ? 'own' : 'foreign';
}

function foreignOrigin(): AppError {
  return new AppError('origin_refused', 'The page that calls has another origin than the API.');
}

function navigates(header: PageCheck['header'], method: string): boolean {
  return header('sec-fetch-mode') === 'navigate' && (method === 'GET' || method === 'HEAD');
}

/** Names that always mean this machine. Source: RFC 6761, section 6.3; RFC 1122, section 3.2.1.3. */
export function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(name);
}

function hostOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : undefined;
}
