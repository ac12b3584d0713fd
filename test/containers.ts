import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { LocalstackContainer } from '@testcontainers/localstack';
import { MinioContainer } from '@testcontainers/minio';
import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { getContainerRuntimeClient, type StartedNetwork, type StartedTestContainer } from 'testcontainers';
import { inCi, sayOnce } from './left-out.ts';

export const IMAGES = {
  postgres: 'postgres:17',
  minio: 'minio/minio:RELEASE.2025-09-07T16-13-09Z',
  localstack: 'localstack/localstack:4.4.0',
} as const;

/** True when a Docker engine, or one that acts as one, answers. */
export async function dockerAvailable(): Promise<boolean> {
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false;
  }
}

/**
 * The suites that need containers: all of them, or none on a machine without Docker, which one line says for the whole
 * run. In CI that is a failure. To be given to `describe.each` at the top of a test file, beside some test that is always
 * there.
 */
export async function containerSuites<T>(suites: readonly T[]): Promise<readonly T[]> {
  if (await dockerAvailable()) return suites;
  if (inCi) throw new Error('No Docker engine answers: in CI the tests that need containers must run.');
  sayOnce(
    'containers',
    'Left out, for want of Docker: the tests that need PostgreSQL, MinIO or LocalStack in containers.\n',
  );
  return [];
}

interface Started {
  readonly container: StartedTestContainer;
  stop(): Promise<void>;
}

interface StartOptions {
  /** The container is reached in it under the name of its function: `postgres`, `minio`, `localstack`. */
  readonly network?: StartedNetwork;
}

export interface StartedPostgres extends Started {
  /** postgres://…, of an empty database whose owner is a superuser. */
  readonly url: string;
}

export async function startPostgres(options: StartOptions & { image?: string } = {}): Promise<StartedPostgres> {
  const image = new PostgreSqlContainer(options.image ?? IMAGES.postgres)
    .withDatabase('jobs')
    .withUsername('app')
    .withPassword('app-password');
  if (options.network !== undefined) image.withNetwork(options.network).withNetworkAliases('postgres');
  const container = await image.start();
  return { container, url: container.getConnectionUri(), stop: async () => void (await container.stop()) };
}

/** How S3, and on LocalStack SQS too, is reached. */
export interface StartedAws extends Started {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

interface AwsOptions extends StartOptions {
  /** Made before the start resolves. */
  readonly buckets?: readonly string[];
}

export async function startMinio(options: AwsOptions = {}): Promise<StartedAws> {
  const credentials = { accessKeyId: 'root-user', secretAccessKey: 'root-password' };
  const image = new MinioContainer(IMAGES.minio)
    .withUsername(credentials.accessKeyId)
    .withPassword(credentials.secretAccessKey);
  if (options.network !== undefined) image.withNetwork(options.network).withNetworkAliases('minio');
  const container = await image.start();
  return withBuckets(container, container.getConnectionUrl(), credentials, options.buckets);
}

/** S3, SQS and STS; signatures are checked, as AWS does. */
export async function startLocalstack(options: AwsOptions = {}): Promise<StartedAws> {
  const image = new LocalstackContainer(IMAGES.localstack).withEnvironment({
    S3_SKIP_SIGNATURE_VALIDATION: '0',
    SQS_ENDPOINT_STRATEGY: 'path',
  });
  if (options.network !== undefined) image.withNetwork(options.network).withNetworkAliases('localstack');
  const container = await image.start();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  return withBuckets(container, container.getConnectionUri(), credentials, options.buckets);
}

async function withBuckets(
  container: StartedTestContainer,
  endpoint: string,
  credentials: StartedAws['credentials'],
  buckets: readonly string[] = [],
): Promise<StartedAws> {
  const region = 'us-east-1';
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  for (const Bucket of buckets) await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
  return { container, endpoint, region, credentials, stop: async () => void (await container.stop()) };
}
