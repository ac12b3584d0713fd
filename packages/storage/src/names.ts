import { AppError } from '@qwen-edit/contract';
import type { ByteRange } from './object-store.ts';

/** A dot at the start would allow `..` and hidden files; Windows drops a dot at the end. */
const SEGMENT = /^[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9_-])?$/;
const PREFIX_CHARACTERS = /^[A-Za-z0-9._/-]*$/;
/** S3 allows 1024; the rest is left for a prefix. */
const MAX_KEY_LENGTH = 512;
/** A type and its parameters. Source: RFC 9110, section 8.3. */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w-]+=(?:[\w.+-]+|"[\w .+-]*"))*$/;
const MAX_MEDIA_TYPE_LENGTH = 200;
/** The longest time that SigV4 allows; both drivers have this limit. */
const MAX_EXPIRES_SECONDS = 7 * 24 * 3600;

/** True if `key` may name an object. */
export function isKey(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && key.split('/').every((segment) => SEGMENT.test(segment));
}

/** Throws AppError `invalid_parameter` unless `key` may name an object. */
export function checkKey(key: string): void {
  if (isKey(key)) return;
  throw new AppError('invalid_parameter', `${JSON.stringify(key.slice(0, 100))} cannot be the key of an object.`, {
    hint: 'Use names of letters, digits, ".", "_" and "-", joined by "/"; a name neither begins nor ends with a dot.',
  });
}

/** A prefix is the beginning of a key, and may end within a name. Throws AppError `invalid_parameter`. */
export function checkPrefix(prefix: string): void {
  const outside =
    prefix.startsWith('/') || prefix.includes('//') || prefix.split('/').some((name) => /^\.+$/.test(name));
  if (!outside && prefix.length <= MAX_KEY_LENGTH && PREFIX_CHARACTERS.test(prefix)) return;
  throw new AppError('invalid_parameter', `${JSON.stringify(prefix.slice(0, 100))} cannot begin the key of an object.`);
}

/** Throws AppError `invalid_parameter` unless this is a media type. */
export function checkMediaType(mediaType: string): void {
  if (mediaType.length <= MAX_MEDIA_TYPE_LENGTH && MEDIA_TYPE.test(mediaType)) return;
  throw new AppError('invalid_parameter', `${JSON.stringify(mediaType.slice(0, 100))} is no media type.`);
}

/** Throws AppError `invalid_parameter` unless a signed URL may last so long. */
export function checkExpiry(expiresSeconds: number): void {
  if (Number.isInteger(expiresSeconds) && expiresSeconds >= 1 && expiresSeconds <= MAX_EXPIRES_SECONDS) return;
  throw new AppError('invalid_parameter', `A signed address lasts 1 second to 7 days, not ${expiresSeconds} seconds.`);
}

/** Throws AppError `invalid_parameter` for a range that no object can satisfy. */
export function checkRange({ start, end }: ByteRange): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end >= start) return;
  throw new AppError('invalid_parameter', `Bytes ${start} to ${end} are no range.`);
}

export function rangeNotSatisfiable(key: string, range: ByteRange): AppError {
  return new AppError('range_not_satisfiable', `${key} ends before byte ${range.start}.`);
}

/** The Content-Disposition with which a browser saves the object under this name. Source: RFC 6266, section 4. */
export function contentDisposition(fileName: string): string {
  const name = fileName.toWellFormed().replace(/[\p{Cc}/\\]/gu, '_');
  const ascii = name.replace(/[^\x20-\x7e]|["%]/g, '_');
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
