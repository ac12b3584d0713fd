import { join } from 'node:path';
import {
  type ConnectionFacts,
  createDatabase,
  createQueueTable,
  type Database,
  laterSchemaText,
  QUEUE_CHANNEL,
  requireMigrated,
} from '@qwen-edit/db';
import { createQueue, type JobQueue } from '@qwen-edit/queue';
import { createStore, type ObjectStore, type S3Options } from '@qwen-edit/storage';
import type { Logger, Metrics } from '@qwen-edit/telemetry';
import { directUrlOf } from '../direct-url.ts';
import type { Config } from '../settings.ts';
import { showPool } from './process-metrics.ts';

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
  readonly metrics: Metrics;
}

/** How long a received message stays hidden until its job is claimed. */
const HIDE_MS = 30_000;

/**
 * The only place that chooses drivers; nothing else depends on the size of a deployment. Connects to the database, because
 * what answers there decides how the queue is waited on.
 */
export async function openBackends(config: Config, options: BackendOptions): Promise<Backends> {
  const { databaseUrl, log, metrics } = options;
  const directUrl = directUrlOf(config);
  const database = createDatabase({
    url: databaseUrl,
    directUrl,
    max: config.databasePoolSize,
    applicationName: `qwen-edit ${options.role}`,
    onError: (error) => log.warn({ err: error.message }, 'an idle database connection broke'),
    onFull: () => log.warn({ wanted: config.databasePoolSize }, 'the database takes no more connections'),
    onWaited: (seconds) => metrics.poolWaitSeconds.observe(seconds),
  });
  showPool(metrics, database);
  const listens = await canListen(database, directUrl, log).catch(async (thrown: unknown) => {
    await database.close();
    throw thrown;
  });
  const store = createStore(storageUrlOf(config), {
    signing: { secret: options.signingSecret, baseUrl: options.baseUrl },
    s3: s3Options(config),
  });
  const openQueue = (url: string, setting: string): JobQueue =>
    createQueue(url, {
      postgres: {
        table: createQueueTable(database.db),
        connect: listens ? () => database.openDirect('qwen-edit queue') : undefined,
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

/** Throws AppError `migration_needed` if this version cannot use the database, and says so where a later one has migrated it. */
export async function requireUsableSchema({ database }: Pick<Backends, 'database'>, log: Logger): Promise<void> {
  const state = await requireMigrated(database);
  if (state.later !== undefined) log.warn(`${laterSchemaText(state)} It may be used by this one.`);
}

/** True if a connection can be kept for LISTEN. One line says what answers at DATABASE_URL. */
async function canListen(database: Database, directUrl: string | undefined, log: Logger): Promise<boolean> {
  const facts = await database.facts();
  const listens = directUrl !== undefined || !facts.pooled;
  log.info(
    {
      server_version: facts.serverVersion,
      pooled: facts.pooled,
      named_statements: facts.namedStatements,
      tls: facts.tls,
      listens,
      statement_timeout_ms: facts.statementTimeoutMs,
    },
    lineOf(facts, listens),
  );
  return listens;
}

function lineOf(facts: ConnectionFacts, listens: boolean): string {
  if (!facts.pooled) return 'connected to the database';
  const limit =
    facts.statementTimeoutMs === 0
      ? '; single statements have no time limit there: set statement_timeout of the role'
      : '';
  return listens
    ? `connected to the database through a pooler, and listening at DATABASE_DIRECT_URL${limit}`
    : `connected to the database through a pooler; the queue is polled, as DATABASE_DIRECT_URL is not set${limit}`;
}

/** Without STORAGE_URL, objects lie in the data folder. */
export function storageUrlOf(config: Pick<Config, 'storageUrl' | 'dataDir'>): string {
  return config.storageUrl ?? `file:${join(config.dataDir, 'objects')}`;
}

export function s3Options(config: Config): S3Options {
  return {
    ...(config.s3Endpoint === undefined ? {} : { endpoint: config.s3Endpoint }),
    ...(config.s3PublicEndpoint === undefined ? {} : { publicEndpoint: config.s3PublicEndpoint }),
    ...(config.s3ForcePathStyle === undefined ? {} : { forcePathStyle: config.s3ForcePathStyle }),
    ...(config.region === undefined ? {} : { region: config.region }),
  };
}
