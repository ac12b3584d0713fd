import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalstackContainer } from '@testcontainers/localstack';
import { MinioContainer } from '@testcontainers/minio';
import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { Wait } from 'testcontainers';
import { startEmbeddedPostgres } from '../../packages/db/src/embedded/index.ts';
import { environment } from '../config.ts';
import { makeTemplate } from '../db/template.ts';
import { IMAGES } from './images.ts';
import { buildRoleImages, type RoleImages } from './role-images.ts';

/** How a PostgreSQL is reached. Its user may create databases; `template` is one with all tables and no rows. */
export interface PostgresAddress {
  readonly url: string;
  readonly template: string;
}

/** How S3, and on LocalStack SQS too, is reached. */
export interface AwsAddress {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface StartedService<Address = PostgresAddress | AwsAddress | RoleImages> {
  readonly address: Address;
  stop(): Promise<void>;
}

const REGION = 'us-east-1';

/** Every service that tests can ask for, with what starts it. */
export const SERVICES = {
  /** The one at QWEN_EDIT_TEST_POSTGRES, or else an embedded one. */
  'embedded-postgres': startEmbedded,
  postgres: startPostgres,
  minio: startMinio,
  localstack: startLocalstack,
  /** The images of the roles, built once for all test files that run them. They stay: a next run builds on them. */
  'role-images': startRoleImages,
} as const satisfies Record<string, () => Promise<StartedService>>;
export type ServiceName = keyof typeof SERVICES;

async function startEmbedded(): Promise<StartedService<PostgresAddress>> {
  const given = environment.QWEN_EDIT_TEST_POSTGRES;
  if (given !== undefined) {
    const { template, drop } = await makeTemplate(given);
    return { address: { url: given, template }, stop: drop };
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'qwen-edit-test-'));
  const { url, stop } = await startEmbeddedPostgres({ dataDir });
  const { template } = await makeTemplate(url);
  return {
    address: { url, template },
    async stop() {
      await stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const HOUR_MS = 3_600_000;

/**
 * Without the library's look at its health four times a second. On a busy machine Docker ends such a look, whose child then goes to
 * the container's first process. That is PostgreSQL, which takes the end of a child with an error for the crash of one of its own,
 * and ends all connections. Looks that Docker cannot end stay, and make the machine busier.
 */
async function startPostgres(): Promise<StartedService<PostgresAddress>> {
  const container = await new PostgreSqlContainer(IMAGES.postgres)
    .withDatabase('jobs')
    .withUsername('app')
    .withPassword('app-password')
    .withHealthCheck({ test: ['CMD', 'true'], interval: HOUR_MS, timeout: HOUR_MS, retries: 1 })
    // The first time is said by the server that prepares the database, which listens to nobody outside.
    .withWaitStrategy(Wait.forLogMessage('database system is ready to accept connections', 2))
    .start();
  const url = container.getConnectionUri();
  const { template } = await makeTemplate(url);
  return { address: { url, template }, stop: async () => void (await container.stop()) };
}

async function startMinio(): Promise<StartedService<AwsAddress>> {
  const credentials = { accessKeyId: 'root-user', secretAccessKey: 'root-password' };
  const container = await new MinioContainer(IMAGES.minio)
    .withUsername(credentials.accessKeyId)
    .withPassword(credentials.secretAccessKey)
    .start();
  const address = { endpoint: container.getConnectionUrl(), region: REGION, credentials };
  return { address, stop: async () => void (await container.stop()) };
}

/** S3, SQS and STS; signatures are checked, as AWS does. */
async function startLocalstack(): Promise<StartedService<AwsAddress>> {
  const container = await new LocalstackContainer(IMAGES.localstack)
    .withEnvironment({ S3_SKIP_SIGNATURE_VALIDATION: '0', SQS_ENDPOINT_STRATEGY: 'path' })
    .start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const address = { endpoint: container.getConnectionUri(), region: REGION, credentials };
  return { address, stop: async () => void (await container.stop()) };
}

async function startRoleImages(): Promise<StartedService<RoleImages>> {
  return { address: await buildRoleImages(), stop: async () => undefined };
}
