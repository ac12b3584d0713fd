import { type AppError, fieldError } from '@qwen-edit/contract';
import { z } from 'zod';

/** The place that a picture of a request comes from. */
export type ImageSource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'upload'; readonly id: string };

const UPLOAD_ID = /^upload_[0-9a-f]{32}$/;
const HTTP = /^https?:\/\//i;
const BASE64_DATA_URL = /^data:[^,]{0,200};base64,/i;
/** A character of neither alphabet of RFC 4648. The pattern is one character, so that a long text takes linear time. */
const NOT_BASE64 = /[^A-Za-z0-9+/_-]/;
const MAX_URL = 2048;

const imageObjectSchema = z.union([
  z.strictObject({ url: z.string() }),
  z.strictObject({ data: z.string() }),
  z.strictObject({ upload_id: z.string() }),
]);

/** A picture as JSON names it. */
export const imageSourceSchema = z.union([z.string(), imageObjectSchema]);

/**
 * A picture as JSON names it: a text (base64, data URL, upload id or web address), or `{ url }`, `{ data }` or
 * `{ upload_id }`. Throws AppError `invalid_parameter` that names `path`.
 */
export function parseImage(value: unknown, path: string): ImageSource {
  if (typeof value === 'string') return parseText(value, path);
  const parsed = imageObjectSchema.safeParse(value);
  if (!parsed.success) throw invalid(path, 'must be a text, or an object with one of url, data and upload_id');
  const image = parsed.data;
  if ('url' in image) return parseUrl(image.url, path);
  if ('data' in image) return { kind: 'bytes', bytes: decodeBase64(image.data, path) };
  return parseUpload(image.upload_id, path);
}

function parseText(text: string, path: string): ImageSource {
  if (HTTP.test(text)) return parseUrl(text, path);
  if (text.startsWith('upload_')) return parseUpload(text, path);
  return { kind: 'bytes', bytes: decodeBase64(text, path) };
}

/** A web address of a picture; whether it may be fetched is checked when it is fetched. */
export function parseUrl(url: string, path: string): ImageSource {
  if (url.startsWith('data:')) return { kind: 'bytes', bytes: decodeBase64(url, path) };
  if (url.length > MAX_URL) throw invalid(path, `must have at most ${MAX_URL} characters as an address`);
  return { kind: 'url', url };
}

function parseUpload(id: string, path: string): ImageSource {
  if (!UPLOAD_ID.test(id)) throw invalid(path, 'is not the id of an upload');
  return { kind: 'upload', id };
}

/** The bytes of a base64 text or data URL. Throws AppError `invalid_parameter`. */
export function decodeBase64(text: string, path: string): Uint8Array {
  const start = BASE64_DATA_URL.exec(text)?.[0].length ?? 0;
  const rest = start === 0 ? text : text.slice(start);
  // Encoders made for mail put line breaks into base64.
  const data = rest.includes('\n') ? rest.replaceAll(/\r?\n/g, '') : rest;
  if (NOT_BASE64.test(data.endsWith('=') ? data.slice(0, data.endsWith('==') ? -2 : -1) : data)) {
    throw invalid(path, 'must be base64, a data URL with base64, the id of an upload, or an http(s) address');
  }
  return Buffer.from(data, 'base64');
}

function invalid(path: string, rule: string): AppError {
  return fieldError(path, { code: 'wrong_format', rule });
}
