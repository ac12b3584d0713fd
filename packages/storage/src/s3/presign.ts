import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { checkExpiry, contentDisposition } from '../names.ts';
import type { PresignGetOptions, PresignPutOptions } from '../object-store.ts';

interface ObjectLocation {
  readonly Bucket: string;
  readonly Key: string;
}

/** A URL to read the object. */
export async function presignGet(
  client: S3Client,
  location: ObjectLocation,
  options: PresignGetOptions,
): Promise<string> {
  checkExpiry(options.expiresSeconds);
  const command = new GetObjectCommand({
    ...location,
    ...(options.fileName === undefined ? {} : { ResponseContentDisposition: contentDisposition(options.fileName) }),
    ...(options.mediaType === undefined ? {} : { ResponseContentType: options.mediaType }),
  });
  return getSignedUrl(client, command, { expiresIn: options.expiresSeconds });
}

/** A URL to write the object. The upload must then have exactly the headers that are signed. */
export async function presignPut(
  client: S3Client,
  location: ObjectLocation,
  options: PresignPutOptions,
): Promise<string> {
  checkExpiry(options.expiresSeconds);
  const signed = new Set<string>();
  if (options.mediaType !== undefined) signed.add('content-type');
  if (options.bytes !== undefined) signed.add('content-length');
  const command = new PutObjectCommand({
    ...location,
    ...(options.mediaType === undefined ? {} : { ContentType: options.mediaType }),
    ...(options.bytes === undefined ? {} : { ContentLength: options.bytes }),
  });
  return getSignedUrl(client, command, { expiresIn: options.expiresSeconds, signableHeaders: signed });
}
