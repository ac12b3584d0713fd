import { createHash } from 'node:crypto';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  type DeleteObjectsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { isOfTheStore, isRefusedForm } from './delete-refusals.ts';
import { s3ErrorName, statusOf } from './s3-errors.ts';

/**
 * How several objects are deleted. `checksum`: one request with `x-amz-checksum-crc32`, as S3 wants it now. `md5`: one with
 * `Content-MD5`, as S3 wanted it before, and other stores still do. `single`: one request for each object, which every store knows.
 */
type DeleteForm = 'checksum' | 'md5' | 'single';

interface Sending {
  readonly abortSignal?: AbortSignal;
}

/** The most that DeleteObjects takes. */
const BATCH = 1000;
const AT_ONCE = 8;
/** After so many failures of the store in a row the rest is not tried: each one takes as long as all retries do. */
const TROUBLES = 3;

/** Deletes objects by their whole keys. Returns those that may still be there, each with what the store said. */
export type DeleteAll = (keys: readonly string[], sending: Sending) => Promise<Map<string, string>>;

/**
 * Deletes objects in the form that the store takes, which is found by trying and remembered. What the store does not say it has
 * deleted does not count as deleted. Throws the error of the SDK if the store does not answer at all.
 */
export function createDeleteAll(client: S3Client, bucket: string, { isAws }: { readonly isAws: boolean }): DeleteAll {
  const forms: readonly DeleteForm[] = isAws ? ['checksum', 'md5', 'single'] : ['md5', 'checksum', 'single'];
  let taken: DeleteForm | undefined;

  /** The form that worked comes first. The others follow: a store may be updated, or be one of several. */
  const formsToTry = (): readonly DeleteForm[] =>
    taken === undefined ? forms : [taken, ...forms.filter((form) => form !== taken)];

  async function deleteBatch(keys: readonly string[], sending: Sending): Promise<Result> {
    for (const form of keys.length === 1 ? [] : formsToTry()) {
      if (form === 'single') break;
      const answer = await deleteTogether(client, bucket, { keys, form }, sending);
      if (answer === 'refused') continue;
      const { kept, last } = await deleteEach(client, bucket, answer.retry, sending);
      // An answer that names none of the objects is no sign that the store knows what was asked.
      if (answer.retry.length < keys.length) taken = form;
      else if (kept.size < keys.length) taken = 'single';
      return { kept: new Map([...answer.kept, ...kept]), last };
    }
    const result = await deleteEach(client, bucket, keys, sending);
    if (keys.length > 1 && result.kept.size < keys.length) taken = 'single';
    return result;
  }

  return async (keys, sending) => {
    const kept = new Map<string, string>();
    for (let i = 0; i < keys.length; i += BATCH) {
      const batch = keys.slice(i, i + BATCH);
      const result = await deleteBatch(batch, sending);
      // If nothing is deleted, it is not because of some object. The store's error says more.
      if (result.last !== undefined && result.kept.size === batch.length) throw result.last;
      for (const [key, reason] of result.kept) kept.set(key, reason);
    }
    return kept;
  };
}

interface Result {
  readonly kept: ReadonlyMap<string, string>;
  /** The last error of a single request, if there was any. */
  readonly last: unknown;
}

interface Together {
  readonly kept: ReadonlyMap<string, string>;
  /** The store said nothing of them, or nothing final. */
  readonly retry: readonly string[];
}

/** One DeleteObjects. It is not quiet: an object counts as deleted only if the answer names it. */
async function deleteTogether(
  client: S3Client,
  bucket: string,
  { keys, form }: { readonly keys: readonly string[]; readonly form: DeleteForm },
  sending: Sending,
): Promise<Together | 'refused'> {
  const command = new DeleteObjectsCommand({
    Bucket: bucket,
    Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: false },
  });
  if (form === 'md5') useContentMd5(command);
  let answer: DeleteObjectsCommandOutput;
  try {
    answer = await client.send(command, sending);
  } catch (thrown) {
    if (isRefusedForm(thrown)) return 'refused';
    throw thrown;
  }
  const kept = new Map<string, string>();
  const done = new Set((answer.Deleted ?? []).map(({ Key }) => Key));
  for (const { Key = '', Code = '' } of answer.Errors ?? []) {
    if (Code === 'NoSuchKey') done.add(Key);
    // A single request would be denied too.
    if (Code === 'AccessDenied') kept.set(Key, Code);
  }
  return { kept, retry: keys.filter((key) => !done.has(key) && !kept.has(key)) };
}

/** Takes the checksum headers off a request and gives it `Content-MD5`, before it is signed. */
function useContentMd5(command: DeleteObjectsCommand): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      const digest = isHttpRequest(request) ? contentMd5(request.body) : undefined;
      if (isHttpRequest(request) && digest !== undefined) {
        for (const name of Object.keys(request.headers)) {
          if (/^x-amz-(sdk-)?checksum-/i.test(name)) delete request.headers[name];
        }
        request.headers['content-md5'] = digest;
      }
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'contentMd5' },
  );
}

/** undefined if this Node refuses MD5, as one in FIPS mode does. */
function contentMd5(body: string | Uint8Array): string | undefined {
  try {
    return createHash('md5').update(body).digest('base64');
  } catch {
    return undefined;
  }
}

interface HttpRequest {
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
}

function isHttpRequest(request: unknown): request is HttpRequest {
  if (typeof request !== 'object' || request === null || !('headers' in request) || !('body' in request)) return false;
  return typeof request.body === 'string' || request.body instanceof Uint8Array;
}

/** One DeleteObject for each. One that fails does not keep the others from being tried, a store that fails does. */
async function deleteEach(
  client: S3Client,
  bucket: string,
  keys: readonly string[],
  sending: Sending,
): Promise<Result> {
  const kept = new Map<string, string>();
  const waiting = [...keys];
  let troubles = 0;
  let last: unknown;
  const work = async (): Promise<void> => {
    for (let key = waiting.shift(); key !== undefined; key = waiting.shift()) {
      try {
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), sending);
        troubles = 0;
      } catch (thrown) {
        if (sending.abortSignal?.aborted) throw thrown;
        if (statusOf(thrown) === 404 && s3ErrorName(thrown) !== 'NoSuchBucket') continue;
        last = thrown;
        kept.set(key, s3ErrorName(thrown));
        if (!isOfTheStore(thrown) || ++troubles < TROUBLES) continue;
        for (const untried of waiting.splice(0)) kept.set(untried, 'not tried');
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, keys.length) }, work));
  return { kept, last };
}
