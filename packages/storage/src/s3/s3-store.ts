import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { AppError } from '@qwen-edit/contract';
import { checkKey, checkMediaType, checkPrefix, checkRange, isKey, rangeNotSatisfiable } from '../names.ts';
import type { ByteRange, GetOptions, ObjectEntry, ObjectInfo, ObjectStore, StoredObject } from '../object-store.ts';
import { ObjectsKept } from '../objects-kept.ts';
import { canceled, exactly, feed } from '../streams.ts';
import { createDeleteAll } from './delete-objects.ts';
import { presignGet, presignPut } from './presign.ts';
import { putObject } from './put-object.ts';
import { createS3Client, type S3Options } from './s3-client.ts';
import { isMissingKey, statusOf, toS3Error } from './s3-errors.ts';
import { sweepUploads } from './sweep-uploads.ts';

export type { S3Options } from './s3-client.ts';

export interface S3StoreOptions extends S3Options {
  readonly bucket: string;
  /** Put before every key, without the `/` between them; '' for none. */
  readonly prefix: string;
}

/** Objects in a bucket of S3, or of a store that has the same API. */
export function createS3Store({ bucket, prefix, ...options }: S3StoreOptions): ObjectStore {
  const client = createS3Client(options);
  const publicClient = options.publicEndpoint === undefined ? client : createS3Client(options, options.publicEndpoint);
  const before = prefix === '' ? '' : `${prefix}/`;
  const deleteAll = createDeleteAll(client, bucket, { isAws: options.endpoint === undefined });

  function place(key: string): { Bucket: string; Key: string } {
    checkKey(key);
    return { Bucket: bucket, Key: `${before}${key}` };
  }

  /** Runs one call, and translates its errors into AppErrors. */
  async function attempt<T>(signal: AbortSignal | undefined, call: (sending: Sending) => Promise<T>): Promise<T> {
    if (signal?.aborted) throw canceled(signal);
    try {
      return await call(signal === undefined ? {} : { abortSignal: signal });
    } catch (thrown) {
      throw signal?.aborted ? canceled(signal) : toS3Error(thrown, bucket);
    }
  }

  async function get(key: string, { range, signal }: GetOptions = {}): Promise<StoredObject | undefined> {
    const at = place(key);
    if (range !== undefined) checkRange(range);
    const Range = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` };
    const answer = await attempt(signal, async (sending) => {
      try {
        return await client.send(new GetObjectCommand({ ...at, ...Range }), sending);
      } catch (thrown) {
        if (isMissingKey(thrown)) return undefined;
        throw range !== undefined && statusOf(thrown) === 416 ? rangeNotSatisfiable(key, range) : thrown;
      }
    });
    if (answer === undefined) return undefined;
    const { Body, ContentLength } = answer;
    if (!(Body instanceof Readable)) throw incomplete(key);
    try {
      const info = infoOf(key, answer, range);
      const toError = (thrown: unknown): AppError => toS3Error(thrown, bucket);
      return { info, body: exactly(Body, ContentLength ?? 0, { toError, signal }) };
    } catch (thrown) {
      Body.destroy();
      throw thrown;
    }
  }

  async function head(key: string, { signal }: { signal?: AbortSignal } = {}): Promise<ObjectInfo | undefined> {
    const at = place(key);
    const answer = await attempt(signal, async (sending) => {
      try {
        return await client.send(new HeadObjectCommand(at), sending);
      } catch (thrown) {
        if (!isMissingKey(thrown)) throw thrown;
        // The answer to HEAD has no body, so it does not say whether the key or the bucket is missing.
        await client.send(new HeadBucketCommand({ Bucket: bucket }), sending);
        return undefined;
      }
    });
    return answer === undefined ? undefined : infoOf(key, answer);
  }

  async function remove(keys: readonly string[], { signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const wholeKeys = keys.map((key) => place(key).Key);
    const kept = await attempt(signal, (sending) => deleteAll(wholeKeys, sending));
    if (kept.size === 0) return;
    const bare = new Map([...kept].map(([key, reason]) => [key.slice(before.length), reason]));
    throw new ObjectsKept(bare, { where: `bucket ${bucket}`, prefix: before });
  }

  async function* list(keyPrefix: string, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<ObjectEntry> {
    checkPrefix(keyPrefix);
    const sending: Sending = signal === undefined ? {} : { abortSignal: signal };
    const pages = paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: `${before}${keyPrefix}` }, sending);
    for (;;) {
      const page = await attempt(signal, () => pages.next());
      if (page.done === true) return;
      for (const { Key, Size, LastModified } of page.value.Contents ?? []) {
        const key = Key?.slice(before.length) ?? '';
        if (!isKey(key) || Size === undefined || LastModified === undefined) continue;
        yield { key, bytes: Size, lastModified: LastModified };
      }
    }
  }

  return {
    kind: 's3',
    answersSignedUrls: true,
    put: (key, body, options) =>
      feed(body, options, async (source) => {
        const { mediaType, signal } = options;
        const at = place(key);
        checkMediaType(mediaType);
        const etag = await putObject(client, source, { bucket, key: at.Key, mediaType, signal });
        return { key, bytes: source.bytes(), etag, mediaType, lastModified: new Date() };
      }),
    get,
    head,
    delete: remove,
    list,
    presignGet: (key, presign) => attempt(undefined, () => presignGet(publicClient, place(key), presign)),
    presignPut: (key, presign) => attempt(undefined, () => presignPut(publicClient, place(key), presign)),
    async check(signal) {
      await attempt(signal, (sending) => client.send(new HeadBucketCommand({ Bucket: bucket }), sending));
    },
    sweepTemporary: (olderThanMs, signal) =>
      attempt(signal, (sending) =>
        sweepUploads(client, { Bucket: bucket, Prefix: before }, new Date(Date.now() - olderThanMs), sending),
      ),
    async close() {
      client.destroy();
      publicClient.destroy();
    },
  };
}

interface Sending {
  readonly abortSignal?: AbortSignal;
}

function incomplete(key: string): AppError {
  return new AppError('storage_unavailable', `The object storage answered for ${key} without the needed headers.`);
}

function infoOf(key: string, answer: GetObjectCommandOutput | HeadObjectCommandOutput, range?: ByteRange): ObjectInfo {
  const { ETag, ContentLength, ContentRange, ContentType, LastModified } = answer;
  const bytes = range === undefined ? ContentLength : Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1]);
  if (
    ContentLength === undefined ||
    bytes === undefined ||
    Number.isNaN(bytes) ||
    ETag === undefined ||
    LastModified === undefined
  ) {
    throw incomplete(key);
  }
  return { key, bytes, etag: ETag, mediaType: ContentType ?? 'application/octet-stream', lastModified: LastModified };
}
