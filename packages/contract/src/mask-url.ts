/** What stands for whatever may be secret. */
export const MASK = '********';

/** Other words before a colon may be the beginning of a secret. */
const SCHEMES = /^(postgres|postgresql|mysql|redis|s3|file|https?|ftps?|wss?|socks[45]?[ah]?|amqps?|sqs):/i;
/** White space and control characters: parsers disagree on what becomes of them. */
const ODD = /[\0-\x20\x7f]/;

/**
 * True if an @ stands behind the host: then a part of the user's password was most likely taken for host, path, query or fragment,
 * because one of its characters `/ ? # \` was not escaped.
 *
 * @example hasMisplacedAt('postgres://me:pa/ss@db/edits'); // true
 */
export function hasMisplacedAt(url: string): boolean {
  return partsOf(url).tail.includes('@');
}

/**
 * An address as it may be shown: without user, password, query and fragment, and of one that is malformed or ambiguous only the
 * scheme. No part of a password is in it, whatever characters of it were not escaped.
 *
 * @example
 * maskUrl('postgres://me:secret@db:5432/edits?sslpassword=x'); // postgres://********@db:5432/edits?********
 * maskUrl('postgres://me:se/cret@db/edits'); // postgres://********
 */
export function maskUrl(text: string): string {
  const url = text.trim();
  const [scheme] = SCHEMES.exec(url) ?? [];
  if (scheme === undefined) return url === '' ? '' : MASK;
  const rest = url.slice(scheme.length);
  if (!rest.startsWith('//')) {
    const isFolder = /^file:$/i.test(scheme) && !/[@:?#]/.test(rest);
    return rest === '' || isFolder ? url : scheme + MASK;
  }
  if (ODD.test(url) || hasMisplacedAt(url) || !URL.canParse(url)) return `${scheme}//${MASK}`;
  const { authority, tail } = partsOf(url);
  const at = authority.lastIndexOf('@');
  const [path = ''] = tail.split(/[?#]/);
  const mark = /[?#]/.exec(tail)?.[0] ?? '';
  return `${scheme}//${at === -1 ? '' : `${MASK}@`}${authority.slice(at + 1)}${path}${mark === '' ? '' : mark + MASK}`;
}

/** A value as it may be shown in an error: whole, unless it may be an address with a password. */
export function maskIfUrl(text: string): string {
  return /:[^@]*@|:\/\//.test(text) ? maskUrl(text) : text;
}

/** What stands between `//` and the next `/ ? # \`, and the rest. */
function partsOf(url: string): { readonly authority: string; readonly tail: string } {
  const begin = url.indexOf('//') + 2;
  const length = url.slice(begin).search(/[/?#\\]/);
  const end = length === -1 ? url.length : begin + length;
  return { authority: url.slice(begin, end), tail: url.slice(end) };
}
