import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

/** How to reach S3. For options that are left out, the SDK uses its own variables, files and roles. */
export interface S3Options {
  readonly endpoint?: string;
  /** The endpoint at which users of a signed URL reach the same store. */
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
  /** Attempts of one request, the first included. */
  readonly maxAttempts?: number;
  readonly connectTimeoutMs?: number;
  /** Time limit from the start of a request to the headers of its answer. */
  readonly requestTimeoutMs?: number;
  /** Time limit without a byte in either direction. */
  readonly idleTimeoutMs?: number;
}

const DEFAULTS = { maxAttempts: 4, connectTimeoutMs: 5_000, requestTimeoutMs: 120_000, idleTimeoutMs: 30_000 } as const;

/** Creates a client of the AWS SDK. An endpoint that is given replaces that of the options. */
export function createS3Client(options: S3Options, endpoint = options.endpoint): S3Client {
  const { maxAttempts, connectTimeoutMs, requestTimeoutMs, idleTimeoutMs } = { ...DEFAULTS, ...options };
  const region = options.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  const config: S3ClientConfig = {
    maxAttempts,
    retryMode: 'standard',
    // Checksums in headers would have to be part of a presigned PUT, and stores other than AWS refuse them.
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
