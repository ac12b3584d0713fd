import { join } from 'node:path';
import { createDatabase, createQueueTable, type Database, QUEUE_CHANNEL } from '@qwen-edit/db';
import { createQueue, type JobQueue } from '@qwen-edit/queue';
import { createStore, type ObjectStore, type S3Options } from '@qwen-edit/storage';
import type { Logger } from '@qwen-edit/telemetry';
import type { Config } from '../settings.ts';

/** The three that a URL each chooses, open and shared by the roles of a process. */
export interface Backends {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  /** Where messages go that came back too often; only of a queue that has such a place. */
  readonly deadLetters: JobQueue | undefined;
  /** Fails with the AppError of the first that cannot be used. */
  check(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface BackendOptions {
  readonly databaseUrl: string;
  /** What signs the addresses of a file store. */
  readonly signingSecret: string;
  /** Where the API is reached from outside; known late where the port is chosen by the system. */
  readonly baseUrl: () => string;
  readonly role: string;
  readonly log: Logger;
}

/** How long a received message stays hidden until its job is claimed. */
const HIDE_MS = 30_000;

/** The only place that chooses drivers; nothing else depends on the size of a deployment. */
export function openBackends(config: Config, options: BackendOptions): Backends {
  const { databaseUrl, log } = options;
  const database = createDatabase({
    url: databaseUrl,
    applicationName: `qwen-edit ${options.role}`,
    onError: (error) => log.warn({ err: error.message }, 'an idle database connection broke'),
  });
  const store = createStore(storageUrlOf(config), {
    signing: { secret: options.signingSecret, baseUrl: options.baseUrl },
    s3: s3Options(config),
  });
  const openQueue = (url: string, setting: string): JobQueue =>
    createQueue(url, {
      postgres: {
        table: createQueueTable(database.db),
        url: databaseUrl,
        channel: QUEUE_CHANNEL,
        hideMs: HIDE_MS,
      },
      sqs: {
        visibilityMs: config.leaseMs,
        ...(config.sqsEndpoint === undefined ? {} : { endpoint: config.sqsEndpoint }),
        ...(config.region === undefined ? {} : { region: config.region }),
      },
      setting,
      log,
    });
  const queue = openQueue(config.queueUrl, 'QUEUE_URL');
  const deadLetters = config.queueDlqUrl === undefined ? undefined : openQueue(config.queueDlqUrl, 'QUEUE_DLQ_URL');
  return {
    database,
    store,
    queue,
    deadLetters,
    async check(signal) {
      await database.check();
      await store.check(signal);
      await queue.check(signal);
      await deadLetters?.check(signal);
    },
    async close() {
      await Promise.all([queue.close(), deadLetters?.close()]);
      await store.close();
      await database.close();
    },
  };
}

function storageUrlOf(config: Pick<Config, 'storageUrl' | 'dataDir'>): string {
  return config.storageUrl ?? `file:${join(config.dataDir, 'objects')}`;
}

function s3Options(config: Config): S3Options {
  return {
    ...(config.s3Endpoint === undefined ? {} : { endpoint: config.s3Endpoint }),
    ...(config.s3PublicEndpoint === undefined ? {} : { publicEndpoint: config.s3PublicEndpoint }),
    ...(config.s3ForcePathStyle === undefined ? {} : { forcePathStyle: config.s3ForcePathStyle }),
    ...(config.region === undefined ? {} : { region: config.region }),
  };
}
