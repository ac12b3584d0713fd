import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { statusOf } from './s3-errors.ts';

/**
 * Aborts multipart uploads that began before `before` and never ended: their parts cost money, and no listing of objects
 * shows them. Returns how many it aborted. MinIO lists none for a prefix and removes them by itself after a day.
 */
export async function sweepUploads(
  client: S3Client,
  place: { readonly Bucket: string; readonly Prefix: string },
  before: Date,
  sending: { readonly abortSignal?: AbortSignal },
): Promise<number> {
  let swept = 0;
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (marker !== undefined) {
    const command = new ListMultipartUploadsCommand({ ...place, ...marker });
    const page: ListMultipartUploadsCommandOutput = await client.send(command, sending);
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (Key === undefined || UploadId === undefined || Initiated === undefined || Initiated > before) continue;
      if (await abort(client, { Bucket: place.Bucket, Key, UploadId }, sending)) swept++;
    }
    const { NextKeyMarker, NextUploadIdMarker } = page;
    marker =
      page.IsTruncated === true && NextKeyMarker !== undefined && NextUploadIdMarker !== undefined
        ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker }
        : undefined;
  }
  return swept;
}

/** Returns false if the upload has ended meanwhile. */
async function abort(
  client: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
  sending: { readonly abortSignal?: AbortSignal },
): Promise<boolean> {
  try {
    await client.send(new AbortMultipartUploadCommand(upload), sending);
    return true;
  } catch (thrown) {
    if (statusOf(thrown) === 404) return false;
    throw thrown;
  }
}
