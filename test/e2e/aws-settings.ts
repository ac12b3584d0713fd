import type { AwsAddress } from '../setup/start-services.ts';
import type { Queues } from './messages.ts';

export interface AwsParts {
  readonly minio: AwsAddress;
  readonly localstack: AwsAddress;
  readonly queues: Queues;
  /** Of S3, as `s3://bucket/prefix`. */
  readonly storageUrl: string;
}

/** Settings of roles whose storage is MinIO and whose queues are LocalStack's. */
export function awsSettings({ minio, localstack, queues, storageUrl }: AwsParts): Readonly<Record<string, string>> {
  return {
    STORAGE_URL: storageUrl,
    QUEUE_URL: queues.jobs.url,
    QUEUE_DLQ_URL: queues.dead.url,
    AWS_ENDPOINT_URL_S3: minio.endpoint,
    S3_FORCE_PATH_STYLE: '1',
    AWS_ENDPOINT_URL_SQS: localstack.endpoint,
    AWS_REGION: minio.region,
    // LocalStack's SQS accepts any credentials.
    AWS_ACCESS_KEY_ID: minio.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: minio.credentials.secretAccessKey,
  };
}
