import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

/** How S3 is reached. What is left out, the SDK takes from its own variables, files and roles. */
export interface S3Options {
  readonly endpoint?: string;
  /** The endpoint under which those who get a signed address reach the same store. */
  readonly publicEndpoint?: string;
  /** `us-east-1` when there is an endpoint but no region. */
  readonly region?: string;
  /** The bucket in the path instead of the host name, as MinIO needs it. */
  readonly forcePathStyle?: boolean;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** Of one request, the first included. */
  readonly maxAttempts?: number;
  readonly connectTimeoutMs?: number;
  /** From the beginning of a request to the headers of its answer. */
  readonly requestTimeoutMs?: number;
  /** Without a byte either way. */
  readonly idleTimeoutMs?: number;
}

const DEFAULTS = { maxAttempts: 4, connectTimeoutMs: 5_000, requestTimeoutMs: 120_000, idleTimeoutMs: 30_000 } as const;

export function createS3Client(options: S3Options, endpoint = options.endpoint): S3Client {
  const { maxAttempts, connectTimeoutMs, requestTimeoutMs, idleTimeoutMs } = { ...DEFAULTS, ...options };
  const region = options.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  const config: S3ClientConfig = {
    maxAttempts,
    retryMode: 'standard',
    // Checksums in headers would have to be part of a presigned PUT, and other stores than AWS refuse them.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      socketTimeout: idleTimeoutMs,
      throwOnRequestTimeout: true,
    },
  };
  if (endpoint !== undefined) config.endpoint = endpoint;
  if (region !== undefined) config.region = region;
  if (options.forcePathStyle !== undefined) config.forcePathStyle = options.forcePathStyle;
  if (options.credentials !== undefined) config.credentials = options.credentials;
  return new S3Client(config);
}
