/** What a Range header asks for: the whole content, a part (`end` included), or a part that does not exist. */
export type RangeRequest = 'all' | 'unsatisfiable' | { readonly start: number; readonly end: number };

/**
 * Reads a Range header for content of `size` bytes. Several ranges, other units and a header that cannot be read mean
 * the whole content, as the standard allows. Source: RFC 9110, section 14.2.
 */
export function readRange(header: string | undefined, size: number): RangeRequest {
  const [, first, last] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'all';
  if (first === '') {
    const suffix = Number(last);
    return suffix === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - suffix), end: size - 1 };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'all';
  if (start >= size) return 'unsatisfiable';
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}

/** True if one of the tags of If-None-Match is `etag`, by weak comparison. Source: RFC 9110, section 13.1.2. */
export function matchesNone(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
