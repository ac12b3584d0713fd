import { isIP } from 'node:net';
import { AppError } from '@qwen-edit/contract';
import { isPublicAddress } from './addresses.ts';

export interface UrlRules {
  /** Lets loopback, private and other inside addresses through. The other rules stay. */
  readonly allowPrivate: boolean;
  /** Takes the place of `isPublicAddress` in tests, which have no public address to call. */
  readonly isPublic?: (address: string) => boolean;
}

const MAX_LENGTH = 8192;
/** Names that are inside by definition: RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`. */
const INSIDE_NAME = /(?:^|\.)(?:localhost|localdomain|local|internal|home\.arpa)$/;

/**
 * Checks what can be told without asking DNS: http or https, no credentials, no inside address or name. Returns the URL
 * as it is to be called. Throws AppError `url_refused`. Every way to write an IPv4 address counts, as the URL standard
 * reads them all (`http://0x7f.1` is 127.0.0.1).
 */
export function checkUrl(url: string, rules: UrlRules): URL {
  const parsed = url.length <= MAX_LENGTH ? URL.parse(url) : null;
  if (parsed === null) throw refused('The address is not a URL, or too long.');
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw refused(`Addresses that begin with ${parsed.protocol.slice(0, 20)} are not called.`);
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw refused('The address holds a user name or password.', 'Leave user name and password out of the address.');
  }
  // The dot of a fully qualified name; certificates and rules about names do not know it.
  const host = parsed.hostname.replace(/\.$/, '');
  if (host.split('.').includes('')) throw refused('The address has no proper host.');
  parsed.hostname = host;
  parsed.hash = '';
  if (!rules.allowPrivate) checkHost(hostWithoutBrackets(parsed), rules);
  return parsed;
}

function checkHost(host: string, rules: UrlRules): void {
  if (isIP(host) !== 0) {
    if (!mayCall(host, rules)) throw insideRefused(host);
  } else if (!host.includes('.') || INSIDE_NAME.test(host)) {
    throw insideRefused(host);
  }
}

export function mayCall(address: string, { allowPrivate, isPublic = isPublicAddress }: UrlRules): boolean {
  return allowPrivate || isPublic(address);
}

/** Without the brackets of an IPv6 address. */
export function hostWithoutBrackets(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

export function refused(message: string, hint?: string): AppError {
  return new AppError('url_refused', message, hint === undefined ? {} : { hint });
}

/** Names the host that was asked for, never the address behind it: that would tell a stranger about the inside. */
export function insideRefused(host: string): AppError {
  return refused(`The host ${host} is not on the public Internet.`);
}
