import { createHttpApi, type RunningServer, startHttpServer } from '@qwen-edit/api';
import { AppError } from '@qwen-edit/contract';
import { hasApiKeys } from '@qwen-edit/db';
import { checkUrl, createSafeFetch } from '@qwen-edit/net';
import {
  capacityOf,
  checkImageShape,
  estimateEdit,
  inspectImage,
  makeThumbnail,
  validateImage,
} from '@qwen-edit/pipeline';
import { pageDir } from '@qwen-edit/web';
import { isLoopback } from './is-loopback.ts';
import type { RoleContext } from './role.ts';

export interface ApiExtras {
  readonly version: string;
  /** Jobs that may wait where QWEN_EDIT_MAX_QUEUE does not say. */
  readonly defaultMaxQueue?: number;
  /** When a job expires whose request names no deadline, where QWEN_EDIT_DEADLINE_SECONDS does not say. */
  readonly defaultDeadlineMs: number;
  /** Lets in whoever can read the data folder. */
  readonly localToken?: string;
}

/** Time and redirects that a picture's address may take. */
const PICTURE_TIMEOUT_MS = 30_000;
const PICTURE_REDIRECTS = 5;

/** Builds the API and starts to listen. Refuses to be open to other machines without API keys. */
export async function startApi(
  { config, backends, log, metrics, signingSecret }: RoleContext,
  extras: ApiExtras,
): Promise<RunningServer> {
  const { allowPrivateUrls: allowPrivate } = config;
  const keysRequired = !isLoopback(config.host);
  if (keysRequired && !config.insecure && !(await hasApiKeys(backends.database.db))) {
    throw new AppError('usage', `The API would be open to whoever reaches ${config.host}.`, {
      hint: 'Make a key by `qwen-edit keys create --name NAME`, or start with --insecure where nobody else can reach it.',
    });
  }
  if (config.insecure) log.warn('started with --insecure: whoever reaches the API may use it without a key');
  const safe = createSafeFetch({
    allowPrivate,
    timeoutMs: PICTURE_TIMEOUT_MS,
    maxRedirects: PICTURE_REDIRECTS,
    maxBytes: config.maxBodyBytes,
  });
  const app = createHttpApi({
    database: backends.database,
    store: backends.store,
    queue: backends.queue,
    fetchPicture: async (url, init) => {
      const { status, body } = await safe.fetch(url, init);
      if (status !== 200) throw new AppError('url_unreachable', `The address of the picture answered ${status}.`);
      return body;
    },
    checkUrl: (url) => checkUrl(url, { allowPrivate }),
    inspectImage,
    validateImage,
    checkImageShape,
    makeThumbnail,
    planner: { estimateEdit, capacityOf },
    log,
    metrics,
    options: {
      version: extras.version,
      publicUrl: config.publicUrl,
      allowedHosts: config.allowedHosts,
      // 0 lifts the limit.
      maxQueue: (config.maxQueue ?? extras.defaultMaxQueue) || undefined,
      maxUnusedBytes: config.maxUnusedBytes || undefined,
      maxAttempts: config.maxAttempts,
      deadlineMs: config.deadlineMs ?? extras.defaultDeadlineMs,
      keysRequired,
      insecure: config.insecure,
      localToken: extras.localToken,
      outputDir: config.outputDir,
      pageDir,
      signingSecret,
      limits: { bodyBytes: config.maxBodyBytes, pixels: config.maxPixels, decodeSeconds: config.decodeMs / 1000 },
    },
  });
  const { host, port, drainMs, keepAliveMs } = config;
  const server = await startHttpServer({ app, host, port, drainMs, timeouts: { keepAliveMs } });
  return {
    ...server,
    async close(graceMs) {
      await server.close(graceMs);
      await safe.close();
    },
  };
}
