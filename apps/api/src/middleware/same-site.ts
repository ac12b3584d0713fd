import { AppError } from '@qwen-edit/contract';

export interface PageCheck {
  /** Address of the request, its host as the caller names it. */
  readonly url: string;
  readonly method: string;
  readonly header: (name: string) => string | undefined;
  readonly publicUrl: string | undefined;
}

export interface SiteCheck extends PageCheck {
  /** True where any name may lead here, as on an address that others reach. */
  readonly anyHost: boolean;
}

/**
 * Where no key proves who calls, a web page must not: neither one whose name was made to point at this machine (DNS
 * rebinding), nor one of another origin. Throws AppError `origin_refused`.
 */
export function refuseForeignPages({ url, method, header, publicUrl, anyHost }: SiteCheck): void {
  const { host, hostname } = new URL(url);
  if (!anyHost && !isLoopbackName(hostname) && host !== hostOf(publicUrl)) {
    throw new AppError('origin_refused', 'The name in the Host header is not one of this machine.', {
      hint: 'Use http://127.0.0.1 or http://localhost, or set the public address of the service.',
    });
  }
  const origin = header('origin');
  if (origin !== undefined && hostOf(origin) !== host) throw foreignOrigin();
  if (header('sec-fetch-site') === 'cross-site' && !navigates(header, method)) {
    throw new AppError('origin_refused', 'The page that calls belongs to another site.');
  }
}

/**
 * A cookie proves who sits there, not which page calls: what changes something has to come from our own page, and what reads
 * must not come from another, unless a person follows a link. SameSite alone lets through pages of other ports of the same
 * host. Throws AppError `origin_refused`. Source: OWASP, Cross-Site Request Forgery Prevention; Fetch Metadata.
 */
export function refuseForgedRequest(check: PageCheck): void {
  const page = pageOf(check);
  const { method, header } = check;
  const reads = method === 'GET' || method === 'HEAD';
  if (reads ? page === 'foreign' && !navigates(header, method) : page !== 'own') throw foreignOrigin();
}

/** What the browser says of the page that calls: ours, another's, or nothing, as programs do. */
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
