import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '@qwen-edit/contract';
import { checkKey, isKey } from './names.ts';

/** What a signed URL allows: one method on one key until it expires. */
export interface SignedTerms {
  readonly method: 'GET' | 'PUT';
  readonly key: string;
  /** Seconds since 1970. */
  readonly expires: number;
  /** For PUT: the Content-Type that the request must have. For GET: the media type of the answer. */
  readonly mediaType?: string;
  /** For PUT: the exact length that the request must have. */
  readonly bytes?: number;
  readonly maxBytes?: number;
  readonly fileName?: string;
}

export interface UrlSigning {
  /** At least 16 bytes. Anyone who has it can read and write every object. */
  readonly secret: string | Uint8Array;
  /** The API's URL for callers, such as `https://edit.example`. A function if it is known only later. */
  readonly baseUrl: string | (() => string);
}

const PATH = '/v1/objects/';
/** The secret may sign other things too; nothing else that it signs begins with this text. */
const PURPOSE = 'qwen-edit object address 1';
const MIN_SECRET_BYTES = 16;
const PARAMETERS = ['method', 'expires', 'media_type', 'bytes', 'max_bytes', 'file_name', 'signature'];

/** `…/v1/objects/<key>?method=…&expires=…&…&signature=…`; the signature is an HMAC-SHA256 over all of it but the host. */
export function signUrl(terms: SignedTerms, signing: UrlSigning): string {
  checkKey(terms.key);
  const base = typeof signing.baseUrl === 'string' ? signing.baseUrl : signing.baseUrl();
  const query = new URLSearchParams({ method: terms.method, expires: String(terms.expires) });
  if (terms.mediaType !== undefined) query.set('media_type', terms.mediaType);
  if (terms.bytes !== undefined) query.set('bytes', String(terms.bytes));
  if (terms.maxBytes !== undefined) query.set('max_bytes', String(terms.maxBytes));
  if (terms.fileName !== undefined) query.set('file_name', terms.fileName.toWellFormed());
  query.set('signature', sign(terms.key, query, signing.secret).toString('base64url'));
  return `${base.replace(/\/+$/, '')}${PATH}${terms.key}?${query}`;
}

/**
 * Checks a signed URL and returns what it allows. `url` may be whole or begin at its path; HEAD counts as GET. The signature is
 * compared in constant time. Throws AppError `signature_invalid` if the URL is forged, expired, or signed for another method.
 */
export function verifySignedUrl(
  url: string | URL,
  request: { readonly method: string; readonly secret: string | Uint8Array; readonly now: Date },
): SignedTerms {
  const { pathname, searchParams: query } = new URL(url, 'http://localhost');
  const at = pathname.indexOf(PATH);
  const key = at === -1 ? '' : pathname.slice(at + PATH.length);
  const names = [...query.keys()];
  const known = names.every((name) => PARAMETERS.includes(name)) && new Set(names).size === names.length;
  const given = Buffer.from(query.get('signature') ?? '', 'base64url');
  const expected = sign(key, query, request.secret);
  if (!known || !isKey(key) || given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new AppError('signature_invalid', 'The signature of the address is wrong.');
  }

  const method = query.get('method') === 'PUT' ? 'PUT' : 'GET';
  const asked = request.method.toUpperCase();
  if ((asked === 'HEAD' ? 'GET' : asked) !== method) {
    throw new AppError('signature_invalid', `The address is signed for ${method}, not for ${asked}.`);
  }
  const expires = Number(query.get('expires'));
  if (!(request.now.getTime() < expires * 1000)) throw new AppError('signature_invalid', 'The address has expired.');
  return { method, key, expires, ...optionalTerms(query) };
}

function optionalTerms(query: URLSearchParams): Pick<SignedTerms, 'mediaType' | 'bytes' | 'maxBytes' | 'fileName'> {
  const mediaType = query.get('media_type');
  const bytes = query.get('bytes');
  const maxBytes = query.get('max_bytes');
  const fileName = query.get('file_name');
  return {
    ...(mediaType === null ? {} : { mediaType }),
    ...(bytes === null ? {} : { bytes: Number(bytes) }),
    ...(maxBytes === null ? {} : { maxBytes: Number(maxBytes) }),
    ...(fileName === null ? {} : { fileName }),
  };
}

function sign(key: string, query: URLSearchParams, secret: string | Uint8Array): Buffer {
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    throw new AppError('usage', `The secret that signs addresses has fewer than ${MIN_SECRET_BYTES} bytes.`, {
      hint: 'Set a longer random one.',
    });
  }
  const signed = PARAMETERS.slice(0, -1).map((name) => query.get(name));
  return createHmac('sha256', secret)
    .update(JSON.stringify([PURPOSE, key, ...signed]))
    .digest();
}
