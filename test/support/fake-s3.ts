import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { S3Options } from '../../packages/storage/src/index.ts';
import { createKeepAliveServer } from './keep-alive-server.ts';
import { listenForTest } from './listen-for-test.ts';

/** One request as the server sees it. */
export interface S3Request {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly url: URL;
  /** '' for requests of the bucket. */
  readonly key: string;
  readonly body: Buffer;
  /** True for DeleteObjects. */
  readonly multiDelete: boolean;
}

export interface S3Answer {
  readonly status: number;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeS3 {
  /** For createStore; the bucket is `bucket`. */
  readonly options: S3Options;
  readonly objects: Map<string, Buffer>;
  /** `POST delete`, `DELETE a/b`, …, in order. */
  readonly seen: string[];
  /** Answers in place of the server, if it returns something. */
  answer: (request: S3Request) => S3Answer | undefined;
}

export const s3Error = (status: number, code: string): S3Answer => ({
  status,
  body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>told so</Message></Error>`,
});

/** A server that knows what of S3's API the driver uses, in memory, one page of listing. It checks no signatures. */
export async function startFakeS3(answer: FakeS3['answer'] = () => undefined): Promise<FakeS3> {
  const objects = new Map<string, Buffer>();
  const parts = new Map<string, Buffer>();
  const seen: string[] = [];
  const server = createKeepAliveServer(async (incoming, response) => {
    const request = await read(incoming);
    const operation = [...request.url.searchParams.keys()].filter((name) =>
      ['delete', 'uploads', 'uploadId'].includes(name),
    );
    seen.push([request.method, ...operation, request.key].filter(Boolean).join(' '));
    const { status, body = '', headers = {} } = fake.answer(request) ?? serve(request, objects, parts);
    const length = request.method === 'HEAD' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    response.writeHead(status, { 'content-type': 'application/xml', ...length, ...headers });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  const endpoint = await listenForTest(server);
  const fake: FakeS3 = {
    options: {
      endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      maxAttempts: 1,
    },
    objects,
    seen,
    answer,
  };
  return fake;
}

async function read(incoming: IncomingMessage): Promise<S3Request> {
  const body = await buffer(incoming);
  const url = new URL(incoming.url ?? '', 'http://s3');
  const { method = '', headers } = incoming;
  const key = decodeURIComponent(url.pathname.replace(/^\/bucket\/?/, ''));
  return { method, headers, url, key, body, multiDelete: method === 'POST' && url.searchParams.has('delete') };
}

function serve(request: S3Request, objects: Map<string, Buffer>, parts: Map<string, Buffer>): S3Answer {
  const { method, url, key, body } = request;
  const query = url.searchParams;
  if (request.multiDelete) return deleteKeys(request, objects);
  if (method === 'GET' && query.has('uploads')) return xml('ListMultipartUploadsResult', '');
  if (method === 'POST' && query.has('uploads')) return xml('InitiateMultipartUploadResult', '<UploadId>1</UploadId>');
  if (method === 'PUT' && query.has('uploadId')) {
    parts.set(`${key} ${query.get('partNumber')?.padStart(5, '0')}`, body);
    return { status: 200, headers: { etag: etagOf(body) } };
  }
  if (method === 'POST' && query.has('uploadId')) {
    const names = [...parts.keys()].filter((name) => name.startsWith(`${key} `)).sort();
    objects.set(key, Buffer.concat(names.map((name) => parts.get(name) ?? Buffer.alloc(0))));
    return xml('CompleteMultipartUploadResult', '<ETag>"whole"</ETag>');
  }
  if (key === '' && method === 'GET') return list(query.get('prefix') ?? '', objects);
  if (key === '') return { status: 200 };
  if (method === 'PUT') {
    objects.set(key, body);
    return { status: 200, headers: { etag: etagOf(body) } };
  }
  if (method === 'DELETE') {
    objects.delete(key);
    return { status: 204 };
  }
  const found = objects.get(key);
  if (found === undefined) return s3Error(404, 'NoSuchKey');
  const facts = { etag: etagOf(found), 'last-modified': new Date(0).toUTCString(), 'content-type': 'image/png' };
  return { status: 200, body: found, headers: { ...facts, 'content-length': String(found.length) } };
}

/** As S3 did before 2025: `Content-MD5` or a checksum is needed, and the digest must be right. */
function deleteKeys({ headers, body, url }: S3Request, objects: Map<string, Buffer>): S3Answer {
  const md5 = headers['content-md5'];
  if (md5 === undefined && headers['x-amz-checksum-crc32'] === undefined) return s3Error(400, 'InvalidRequest');
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) return s3Error(400, 'BadDigest');
  const keys = keysToDelete(body);
  for (const key of keys) objects.delete(key);
  const quiet = url.searchParams.has('quiet') || body.includes('<Quiet>true');
  return xml('DeleteResult', quiet ? '' : keys.map((key) => `<Deleted><Key>${key}</Key></Deleted>`).join(''));
}

/** The keys in the body of a DeleteObjects. */
export const keysToDelete = (body: Buffer): string[] =>
  [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key);

function list(prefix: string, objects: Map<string, Buffer>): S3Answer {
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const entry = (key: string): string =>
    `<Contents><Key>${key}</Key><Size>${objects.get(key)?.length}</Size><LastModified>2020-01-01T00:00:00Z</LastModified></Contents>`;
  return xml('ListBucketResult', `<IsTruncated>false</IsTruncated>${keys.map(entry).join('')}`);
}

export const xml = (root: string, inner: string): S3Answer => ({
  status: 200,
  body: `<?xml version="1.0" encoding="UTF-8"?><${root}>${inner}</${root}>`,
});

const etagOf = (body: Buffer): string => `"${createHash('md5').update(body).digest('hex')}"`;
