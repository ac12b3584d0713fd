import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import {
  type ApiLimits,
  type ApiOptions,
  createHttpApi,
  type HttpApi,
  type ServerOptions,
  startHttpServer,
} from '../../apps/api/src/index.ts';
import type { Job } from '../../packages/contract/src/index.ts';
import { claimJob, type Database, type Lease, newToken, succeedJob } from '../../packages/db/src/index.ts';
import { checkUrl, createSafeFetch, type Resolve } from '../../packages/net/src/index.ts';
import {
  capacityOf,
  checkImageShape,
  estimateEdit,
  inspectImage,
  makeThumbnail,
  validateImage,
} from '../../packages/pipeline/src/index.ts';
import { createStore, type ObjectStore, STORED_KINDS } from '../../packages/storage/src/index.ts';
import { createLogger, createMetrics, type Metrics } from '../../packages/telemetry/src/index.ts';
import { freshDatabase } from '../db/harness.ts';

export interface TestApi {
  readonly url: string;
  readonly port: number;
  readonly database: Database;
  readonly store: ObjectStore;
  readonly api: HttpApi;
  /** Lines of its log. */
  readonly lines: readonly string[];
  /** Folder that it may write results to. */
  readonly outputDir: string;
  drain(): void;
  stop(graceMs?: number): Promise<void>;
}

export interface TestApiOptions extends Partial<Omit<ApiOptions, 'limits'>> {
  readonly limits?: Partial<ApiLimits>;
  readonly timeouts?: ServerOptions['timeouts'];
  readonly linger?: ServerOptions['linger'];
  readonly drainMs?: number;
  readonly allowPrivateUrls?: boolean;
  /** How names of pictures' addresses are resolved. */
  readonly resolve?: Resolve;
  readonly database?: Database;
  /** When it is ended: after the running test, or when `stop` is called. */
  readonly lasts?: 'test' | 'until stopped';
  readonly makeThumbnail?: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly metrics?: Metrics;
  /** Changes the store that the API works with. */
  readonly wrapStore?: (store: ObjectStore) => ObjectStore;
}

/** Impatient, so that a test need not wait. */
const LIMITS: Partial<ApiLimits> = {
  waitPollMs: 20,
  statusCachedMs: 0,
  keysCachedMs: 0,
  credentialsMs: 20,
};

/** The API on a port of its own, over a database and a folder of its own. */
export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const lasting = options.lasts === 'until stopped';
  const database = options.database ?? (await (lasting ? freshDatabase({ lasts: 'file' }) : emptiedDatabase()));
  const folder = await mkdtemp(join(tmpdir(), 'qwen-edit-api-'));
  const secret = randomBytes(32).toString('hex');
  const lines: string[] = [];
  const allowPrivate = options.allowPrivateUrls ?? false;
  const fetcher = createSafeFetch({
    ...{ allowPrivate, maxBytes: 10_000_000, timeoutMs: 2000, maxRedirects: 3 },
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  });
  let base = '';
  const files = createStore(`file:${join(folder, 'objects')}`, { signing: { secret, baseUrl: () => base } });
  const store = options.wrapStore?.(files) ?? files;
  const outputDir = join(folder, 'results');
  const api = createHttpApi({
    database,
    store,
    queue: { relayed: false },
    async fetchPicture(url, init) {
      return (await fetcher.fetch(url, init)).body;
    },
    checkUrl: (url) => checkUrl(url, { allowPrivate }),
    inspectImage,
    validateImage,
    checkImageShape,
    makeThumbnail: options.makeThumbnail ?? makeThumbnail,
    planner: { estimateEdit, capacityOf },
    log: createLogger({ level: 'info', role: 'test', write: (line) => void lines.push(line) }),
    metrics: options.metrics ?? createMetrics(),
    options: {
      version: '1.2.3',
      maxAttempts: 3,
      deadlineMs: 24 * 3_600_000,
      keysRequired: false,
      insecure: false,
      signingSecret: secret,
      outputDir,
      ...options,
      limits: { ...LIMITS, ...options.limits },
    },
  });
  const server = await startHttpServer({
    app: api,
    host: '127.0.0.1',
    port: 0,
    timeouts: options.timeouts,
    linger: options.linger,
    drainMs: options.drainMs,
  });
  base = server.url;
  const stop = async (graceMs = 1000): Promise<void> => {
    await server.close(graceMs);
    await fetcher.close();
    await rm(folder, { recursive: true, force: true });
  };
  if (!lasting) onTestFinished(() => stop());
  const { url, port, drain } = server;
  return { url, port, database, store, api, lines, outputDir, drain, stop };
}

/** The tests of a file run one after the other; emptying one database is quicker than making another. */
let reused: Promise<Database> | undefined;
async function emptiedDatabase(): Promise<Database> {
  reused ??= freshDatabase({ lasts: 'file' });
  const database = await reused;
  const tables = ['jobs', 'assets', 'workers', 'idempotency_keys', 'api_keys', 'sessions'];
  await database.pool.query(tables.map((table) => `delete from ${table}`).join('; '));
  return database;
}

/** One API for all tests of a file that change nothing in it. */
export function sharedApi(options: TestApiOptions = {}): () => TestApi {
  let api: TestApi | undefined;
  beforeAll(async () => {
    api = await startTestApi({ ...options, lasts: 'until stopped' });
  });
  afterAll(() => api?.stop());
  return () => api!;
}

/** A small picture of one colour. */
export function picture(
  colour = '#3366cc',
  { width = 48, height = 32, format = 'png' as 'png' | 'jpeg' } = {},
): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: colour } })
    .toFormat(format)
    .toBuffer();
}

/** POST /v1/jobs with a JSON body. */
export function submitJson(api: { url: string }, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${api.url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Submits an edit of a small picture. */
export async function submitOne(api: { url: string }, changes: Record<string, unknown> = {}): Promise<Job> {
  const images = [(await picture()).toString('base64')];
  const response = await submitJson(api, { prompt: 'make it blue', images, ...changes });
  if (response.status !== 202) throw new Error(await response.text());
  return (await response.json()) as Job;
}

/** Does a worker's first step: takes the job. */
export async function claim(database: Database, jobId: string): Promise<Lease> {
  const claimed = await claimJob(database.db, jobId, { token: newToken(), workerId: 'worker_a', leaseMs: 60_000 });
  if (claimed.outcome !== 'claimed') throw new Error(`the job is ${claimed.outcome}`);
  return claimed.job.lease;
}

/** Does a worker's last steps: stores pictures, and commits them. */
export async function finishJob(
  { database, store }: Pick<TestApi, 'database' | 'store'>,
  lease: Lease,
  pictures: readonly Buffer[],
  seed = '7',
): Promise<void> {
  const outputs: Parameters<typeof succeedJob>[2]['outputs'][number][] = [];
  for (const [n, bytes] of pictures.entries()) {
    const key = STORED_KINDS.output.keyOf({ jobId: lease.jobId, leaseToken: lease.token, index: n, extension: 'png' });
    const { etag } = await store.put(key, bytes, { mediaType: 'image/png' });
    const sha256 = etag.replaceAll('"', '');
    outputs.push({ key, sha256, bytes: bytes.length, mediaType: 'image/png', width: 48, height: 32 });
  }
  const timings = { encode_s: 1, denoise_s: 2, decode_s: 3 };
  await succeedJob(database.db, lease, { seed, warnings: [], receipt: {}, timings, outputs });
}

/** Waits until `holds`, and fails if it does not within two minutes, which is for what hangs. */
export async function eventually(holds: () => unknown | Promise<unknown>): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it did not come about');
}
