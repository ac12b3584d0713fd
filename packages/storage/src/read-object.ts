import type { ObjectStore } from './object-store.ts';
import { contentTooLarge } from './streams.ts';

/**
 * Reads the whole object into memory; undefined if there is none. Throws AppError `request_too_large` if it is longer than
 * `maxBytes`.
 *
 * @example
 * const bytes = await readObject(store, key, { maxBytes: 20_000_000, signal });
 */
export async function readObject(
  store: ObjectStore,
  key: string,
  options: { readonly maxBytes: number; readonly signal?: AbortSignal },
): Promise<Uint8Array | undefined> {
  const found = await store.get(key, options.signal === undefined ? {} : { signal: options.signal });
  if (found === undefined) return undefined;
  const { info, body } = found;
  if (info.bytes > options.maxBytes) {
    body.destroy();
    throw contentTooLarge(options.maxBytes);
  }
  const bytes = new Uint8Array(info.bytes);
  let offset = 0;
  for await (const chunk of body) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
