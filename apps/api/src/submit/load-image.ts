import { AppError } from '@qwen-edit/contract';
import { findUpload } from '@qwen-edit/db';
import { readObject } from '@qwen-edit/storage';
import type { ImageSource } from '../body/image-source.ts';
import type { ByteShare } from '../byte-budget.ts';
import type { ApiLimits } from '../deps.ts';
import type { Services } from '../services.ts';

export interface LoadDeps extends Pick<Services, 'database' | 'store' | 'fetchPicture'> {
  readonly limits: Pick<ApiLimits, 'imageBytes'>;
}

export interface LoadOptions {
  readonly owner: string;
  /** How errors name the picture. */
  readonly label: string;
  readonly share: ByteShare;
  readonly signal: AbortSignal;
}

/**
 * Loads the bytes of a picture from the request, from an address or from an upload. Throws AppError `invalid_parameter`
 * for an unknown upload, `upload_incomplete`, `image_too_large`, and those of fetchPicture.
 */
export async function loadImage(deps: LoadDeps, source: ImageSource, options: LoadOptions): Promise<Uint8Array> {
  switch (source.kind) {
    case 'bytes':
      return source.bytes;
    case 'url':
      return fetchImage(deps, source.url, options);
    case 'upload':
      return readUpload(deps, source.id, options);
  }
}

async function fetchImage(
  { fetchPicture, limits }: Pick<LoadDeps, 'fetchPicture' | 'limits'>,
  url: string,
  options: LoadOptions,
): Promise<Uint8Array> {
  return fetchPicture(url, { maxBytes: limits.imageBytes, signal: options.signal, memory: options.share });
}

async function readUpload(
  { database, store, limits }: Pick<LoadDeps, 'database' | 'store' | 'limits'>,
  id: string,
  options: LoadOptions,
): Promise<Uint8Array> {
  const { label, owner, share, signal } = options;
  const upload = await findUpload(database.db, owner, id);
  if (upload === undefined) throw new AppError('invalid_parameter', `${label} names an upload that does not exist.`);
  const info = await store.head(upload.key, { signal });
  if (info !== undefined && info.bytes > limits.imageBytes) {
    throw new AppError('image_too_large', `${label} has ${info.bytes} bytes; the limit is ${limits.imageBytes}.`);
  }
  share.hold(info?.bytes ?? 0);
  const bytes = await readObject(store, upload.key, { maxBytes: limits.imageBytes, signal });
  if (bytes === undefined) throw new AppError('upload_incomplete', `${label} names an upload without content.`);
  return bytes;
}
