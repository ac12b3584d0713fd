/** What a Range header asks for: all of the content, a part of it (both ends included), or nothing that is there. */
export type RangeRequest = 'all' | 'unsatisfiable' | { readonly start: number; readonly end: number };

/**
 * Reads a Range header for content of `size` bytes. Several ranges, other units and what cannot be understood get all of it,
 * as the standard allows. Source: RFC 9110, section 14.2.
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

/** True where one of the tags of If-None-Match is `etag`, compared weakly. Source: RFC 9110, section 13.1.2. */
export function matchesNone(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
