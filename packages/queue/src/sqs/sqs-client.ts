import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import type { QueueLog } from '../job-queue.ts';

export interface SqsQueueOptions {
  readonly queueUrl: string;
  /** How long a received message stays hidden from others. */
  readonly visibilityMs: number;
  /** The address of SQS, if it is not the one in the queue's URL. */
  readonly endpoint?: string;
  /** By default the region in the queue's URL, else what the SDK finds. */
  readonly region?: string;
  /** By default what the SDK finds. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** The variable that names this queue, for hints; QUEUE_URL by default. */
  readonly setting?: string;
  readonly log?: QueueLog;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const CONNECT_TIMEOUT_MS = 5000;
/** More than the longest poll, which is 20 s. */
const REQUEST_TIMEOUT_MS = 30_000;
const AWS_HOST = /(?:^|\.)(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?$/;

/** A client of the AWS SDK for the server of this queue. */
export function createSqsClient(options: SqsQueueOptions): SQSClient {
  return new SQSClient(clientConfig(options));
}

function clientConfig({ queueUrl, endpoint, region, credentials }: SqsQueueOptions): SQSClientConfig {
  const { hostname, origin } = new URL(queueUrl);
  const aws = AWS_HOST.exec(hostname);
  const at = endpoint ?? (aws === null ? origin : undefined);
  const where = region ?? aws?.[1] ?? aws?.[2];
  return {
    ...(at === undefined ? {} : { endpoint: at }),
    ...(where === undefined ? {} : { region: where }),
    ...(credentials === undefined ? {} : { credentials }),
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  };
}
