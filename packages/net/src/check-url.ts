import { isIP } from 'node:net';
import { AppError, hasMisplacedAt } from '@qwen-edit/contract';
import { isPublicAddress } from './addresses.ts';

export interface UrlRules {
  /** Allows loopback, private and other internal addresses. The other rules stay. */
  readonly allowPrivate: boolean;
  /** Replaces `isPublicAddress` in tests, which have no public address to call. */
  readonly isPublic?: (address: string) => boolean;
}

const MAX_LENGTH = 8192;
/** Names that are internal by definition: RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`. */
const INSIDE_NAME = /(?:^|\.)(?:localhost|localdomain|local|internal|home\.arpa)$/;

/**
 * Checks what can be checked without DNS: http or https, no credentials, no internal address or name. Returns the URL to call.
 * Throws AppError `url_refused`. An IPv4 address is found in every form that the URL standard reads (`http://0x7f.1` is
 * 127.0.0.1).
 *
 * @example
 * checkUrl('https://pictures.example/cat.png', { allowPrivate: false }).href; // the same URL
 * checkUrl('http://127.0.0.1/', { allowPrivate: false }); // throws AppError `url_refused`
 */
export function checkUrl(url: string, rules: UrlRules): URL {
  const parsed = url.length <= MAX_LENGTH ? URL.parse(url) : null;
  if (parsed === null) throw refused('The address is not a URL, or too long.');
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    // The word before a colon is not repeated: where the scheme was forgotten, it is a user's name or password.
    throw refused('Only addresses that begin with http:// or https:// are called.');
  }
  // With an @ behind a # too: what stands before the # is then most likely no host.
  if (parsed.username !== '' || parsed.password !== '' || parsed.hash.includes('@')) {
    throw refused('The address holds a user name or password.', 'Leave user name and password out of the address.');
  }
  // A fully qualified name may end in a dot, which neither certificates nor our rules about names expect.
  const host = parsed.hostname.replace(/\.$/, '');
  if (host.split('.').includes('')) throw refused('The address has no proper host.');
  parsed.hostname = host;
  parsed.hash = '';
  if (!rules.allowPrivate) {
    const name = hostWithoutBrackets(parsed);
    // Then it may be the beginning of a password.
    checkHost(name, hasMisplacedAt(parsed.href) ? 'of the address' : name, rules);
  }
  return parsed;
}

/** `named`: how the refusal names the host. */
function checkHost(host: string, named: string, rules: UrlRules): void {
  if (isIP(host) !== 0) {
    if (!mayCall(host, rules)) throw insideRefused(named);
  } else if (!host.includes('.') || INSIDE_NAME.test(host)) {
    throw insideRefused(named);
  }
}

/** True if the rules allow calls to this IP address. */
export function mayCall(address: string, { allowPrivate, isPublic = isPublicAddress }: UrlRules): boolean {
  return allowPrivate || isPublic(address);
}

/** The host of a URL, without the brackets of an IPv6 address. */
function hostWithoutBrackets(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

export function refused(message: string, hint?: string): AppError {
  return new AppError('url_refused', message, hint === undefined ? {} : { hint });
}

/** Said of what can be seen in the address itself, by anyone. What a name resolves to is not told: see unreachableUnsaid. */
function insideRefused(host: string): AppError {
  return refused(`The host ${host} is not on the public Internet.`);
}
