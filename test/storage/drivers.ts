import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AppError, ERRORS, toAppError } from '@qwen-edit/contract';
import { contentDisposition, createStore, type ObjectStore, type S3Options, verifySignedUrl } from '@qwen-edit/storage';
import { makeBucket } from '../buckets.ts';
import { serviceAddress } from '../services.ts';
import type { AwsAddress } from '../setup/start-services.ts';
import { createKeepAliveServer } from '../support/keep-alive-server.ts';

/** One kind of store, ready to be used. */
export interface OpenedStore {
  /** One more store over the same objects. */
  readonly open: (s3?: S3Options) => ObjectStore;
  /** A store over a place that is not there. */
  readonly lost: () => ObjectStore;
  /** Undefined for the file driver. */
  readonly aws?: AwsAddress;
  /** Where the objects of S3 lie; the file driver has none. */
  readonly bucket?: string;
  readonly close: () => Promise<void>;
}

export interface StoreDriver {
  readonly name: string;
  readonly kind: 'file' | 's3';
  /** False where unfinished uploads are not listed: MinIO removes them by itself. */
  readonly listsUploads?: boolean;
  readonly start: () => Promise<OpenedStore>;
}

/** In front of the keys of the S3 drivers. */
export const PREFIX = 'in/front';
const SECRET = 'a secret of the tests that is long enough';

export const FILE: StoreDriver = { name: 'file', kind: 'file', start: startFile };

export const S3: readonly StoreDriver[] = [
  { name: 'S3 on MinIO', kind: 's3', start: async () => s3(await serviceAddress('minio')) },
  {
    name: 'S3 on LocalStack',
    kind: 's3',
    listsUploads: true,
    start: async () => s3(await serviceAddress('localstack')),
  },
];

async function s3(aws: AwsAddress): Promise<OpenedStore> {
  const bucket = await makeBucket(aws);
  const { endpoint, region, credentials } = aws;
  const options = { s3: { endpoint, region, credentials, forcePathStyle: true } };
  return {
    open: (changed) => createStore(`s3://${bucket}/${PREFIX}`, { s3: { ...options.s3, ...changed } }),
    lost: () => createStore('s3://no-such-bucket', options),
    aws,
    bucket,
    close: async () => undefined,
  };
}

async function startFile(): Promise<OpenedStore> {
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  let baseUrl = '';
  const signing = { secret: SECRET, baseUrl: () => baseUrl };
  const open = (): ObjectStore => createStore(`file:${folder}/objects`, { signing });
  const server = createKeepAliveServer((request, response) => void serve(open(), request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    open,
    lost: () => createStore(`file:${import.meta.filename}/objects`, { signing }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

/** Does for signed addresses what the API does. */
async function serve(store: ObjectStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const url = request.url ?? '';
    const terms = verifySignedUrl(url, { method: request.method ?? '', secret: SECRET, now: new Date() });
    if (terms.method === 'PUT') {
      const mediaType = request.headers['content-type'] ?? 'application/octet-stream';
      const length = Number(request.headers['content-length']);
      if (mediaType !== (terms.mediaType ?? mediaType) || length !== (terms.bytes ?? length)) {
        throw new AppError('signature_invalid', 'The headers are not the signed ones.');
      }
      const { maxBytes } = terms;
      await store.put(terms.key, request, { mediaType, ...(maxBytes === undefined ? {} : { maxBytes }) });
      response.end();
      return;
    }
    const found = await store.get(terms.key);
    if (found === undefined) throw new AppError('not_found', 'no object');
    response.setHeader('content-type', terms.mediaType ?? found.info.mediaType);
    response.setHeader('etag', found.info.etag);
    if (terms.fileName !== undefined) {
      response.setHeader('content-disposition', contentDisposition(terms.fileName));
    }
    await pipeline(found.body, response);
  } catch (thrown) {
    response.statusCode = ERRORS[toAppError(thrown).code].status;
    response.end();
  }
}
