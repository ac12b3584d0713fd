import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { AppError } from '@qwen-edit/contract';
import { canceled, type Feed } from '../streams.ts';
import { toS3Error } from './s3-errors.ts';

/** A body up to this size is one request, a longer one several. S3 allows 10,000 parts. */
const PART_BYTES = 8 * 1024 * 1024;

export interface Put {
  readonly bucket: string;
  readonly key: string;
  readonly mediaType: string;
  readonly signal?: AbortSignal | undefined;
}

/** Uploads a body of unknown length and returns the tag of the object. See `ObjectStore.put`. */
export async function putObject(client: S3Client, source: Feed, put: Put): Promise<string> {
  const { bucket, signal } = put;
  if (signal?.aborted) throw canceled(signal);
  const body = Readable.from(source.chunks, { objectMode: false });
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  signal?.addEventListener('abort', onAbort);
  try {
    const upload = new Upload({
      client,
      params: { Bucket: bucket, Key: put.key, ContentType: put.mediaType, Body: body },
      partSize: PART_BYTES,
      // With two parts at a time, the failure of one would be noticed only after the body has filled the other.
      queueSize: 1,
      abortController: stop,
    });
    const { ETag } = await upload.done();
    if (ETag === undefined) throw new AppError('storage_unavailable', 'The object storage answered without an ETag.');
    return ETag;
  } catch (thrown) {
    throw signal?.aborted ? canceled(signal) : toS3Error(thrown, bucket);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    body.destroy();
  }
}
