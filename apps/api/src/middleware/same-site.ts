import { AppError } from '@qwen-edit/contract';

export interface SiteCheck {
  /** Address of the request, its host as the caller names it. */
  readonly url: string;
  readonly method: string;
  readonly header: (name: string) => string | undefined;
  readonly publicUrl: string | undefined;
  /** True where any name may lead here, as on an address that others reach. */
  readonly anyHost: boolean;
}

/**
 * Where no key proves who calls, a web page must not: neither one whose name was made to point at this machine (DNS
 * rebinding), nor one of another origin. Throws AppError `origin_refused`.
 */
export function refuseForeignPages({ url, method, header, publicUrl, anyHost }: SiteCheck): void {
  const { host, hostname } = new URL(url);
  const published = publicUrl === undefined ? undefined : new URL(publicUrl).host;
  if (!anyHost && !isLoopbackName(hostname) && host !== published) {
    throw new AppError('origin_refused', 'The name in the Host header is not one of this machine.', {
      hint: 'Use http://127.0.0.1 or http://localhost, or set the public address of the service.',
    });
  }
  const origin = header('origin');
  if (origin !== undefined && hostOf(origin) !== host) {
    throw new AppError('origin_refused', 'The page that calls has another origin than the API.');
  }
  const navigates = header('sec-fetch-mode') === 'navigate' && (method === 'GET' || method === 'HEAD');
  if (header('sec-fetch-site') === 'cross-site' && !navigates) {
    throw new AppError('origin_refused', 'The page that calls belongs to another site.');
  }
}

/** Names that always mean this machine. Source: RFC 6761, section 6.3; RFC 1122, section 3.2.1.3. */
export function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '');
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(name);
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
