import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '@qwen-edit/contract';
import { createFileStore } from './file/file-store.ts';
import type { ObjectStore } from './object-store.ts';
import { createS3Store, type S3Options } from './s3/s3-store.ts';
import type { UrlSigning } from './signed-url.ts';

export interface StoreOptions {
  /** How the file driver signs URLs. Without it, the driver cannot give any. */
  readonly signing?: UrlSigning;
  readonly s3?: S3Options;
  /** The clock by which signed URLs of the file driver expire. */
  readonly now?: () => Date;
}

/** The rules for general purpose buckets, and the underscores and capitals that old buckets and MinIO allow. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/;

/**
 * Creates the store that a STORAGE_URL names: `file:FOLDER` (relative to the working directory, or `file:///…`) or
 * `s3://BUCKET/PREFIX`. It connects to nothing yet: `check` does that. Throws AppError `usage`.
 *
 * @example
 * const store = createStore('file:.qwen-edit/objects');
 * await store.put('inputs/asset_1', bytes, { mediaType: 'image/png' });
 */
export function createStore(url: string, options: StoreOptions = {}): ObjectStore {
  const [, scheme, rest] = /^(file|s3):(.*)$/s.exec(url) ?? [];
  if (scheme === 'file' && rest !== undefined && rest !== '') {
    return createFileStore({ ...options, folder: folderOf(url, rest) });
  }
  const [, bucket, prefix] = /^\/\/([^/]+)(?:\/(.*))?$/s.exec(rest ?? '') ?? [];
  if (scheme === 's3' && bucket !== undefined && BUCKET.test(bucket)) {
    return createS3Store({ ...options.s3, bucket, prefix: (prefix ?? '').replace(/\/+$/, '') });
  }
  throw wrong();
}

function folderOf(url: string, rest: string): string {
  if (!rest.startsWith('//')) return resolve(rest);
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw wrong(cause);
  }
}

/** The message does not repeat the URL, which may contain credentials by mistake. */
function wrong(cause?: unknown): AppError {
  return new AppError('usage', 'The address of the object storage is wrong.', {
    hint: 'Set STORAGE_URL to file:FOLDER or s3://BUCKET/PREFIX; endpoint and credentials come in AWS_… variables.',
    cause,
  });
}
