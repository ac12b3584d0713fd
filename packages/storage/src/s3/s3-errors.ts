import { S3ServiceException } from '@aws-sdk/client-s3';
import { AppError } from '@qwen-edit/contract';

/** HTTP status of an answer of S3; undefined if there was no answer. */
export function statusOf(thrown: unknown): number | undefined {
  return thrown instanceof S3ServiceException ? thrown.$metadata.httpStatusCode : undefined;
}

/** True if the key is missing, and not the bucket. */
export function isMissingKey(thrown: unknown): boolean {
  return statusOf(thrown) === 404 && s3ErrorName(thrown) !== 'NoSuchBucket';
}

/** The code of the store's answer; otherwise the kind of the error. */
export const s3ErrorName = (thrown: unknown): string => (thrown instanceof Error ? thrown.name : '');

function codeOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return codeOf(thrown.errors[0]);
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}

const FULL = /^(XMinioStorageFull|InsufficientStorage|EntityTooLargeForStorage)$/;
const NO_CONNECTION = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const NO_IDENTITY = /^(CredentialsProviderError|TokenProviderError)$/;
const REGION = /^(PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/;

/** Turns an error of the SDK or the network into an AppError that says what to check. */
export function toS3Error(thrown: unknown, bucket: string): AppError {
  if (thrown instanceof AppError) return thrown;
  const status = statusOf(thrown);
  const name = s3ErrorName(thrown);
  const code = codeOf(thrown);
  const unavailable = (what: string, hint?: string): AppError =>
    new AppError('storage_unavailable', what, { cause: thrown, ...(hint === undefined ? {} : { hint }) });

  if (FULL.test(name) || status === 507) {
    return new AppError('disk_full', `The object storage of bucket ${bucket} is full.`, { cause: thrown });
  }
  if (name === 'NoSuchBucket' || status === 404) {
    return unavailable(`There is no bucket ${bucket}.`, 'Create the bucket, or correct STORAGE_URL.');
  }
  if (REGION.test(name) || status === 301) {
    return unavailable(`Bucket ${bucket} is in another region.`, 'Set AWS_REGION to the region of the bucket.');
  }
  if (status === 403 || status === 401) {
    return unavailable(
      `Access to bucket ${bucket} is refused (${name}).`,
      'Check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the role), the clock, and that they allow ' +
        's3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload.',
    );
  }
  if (NO_IDENTITY.test(name)) {
    return unavailable(
      `There are no credentials for bucket ${bucket}.`,
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role.',
    );
  }
  if (NO_CONNECTION.test(code)) {
    return unavailable(
      `The object storage of bucket ${bucket} cannot be reached (${code}).`,
      'Check AWS_ENDPOINT_URL_S3; MinIO and others also need S3_FORCE_PATH_STYLE=1.',
    );
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (/^Region is missing/.test(message)) {
    return unavailable('The region of the object storage is not known.', 'Set AWS_REGION.');
  }
  const details = [status, name === 'Error' ? undefined : name, code, message].filter(Boolean).join(', ');
  return unavailable(`The object storage of bucket ${bucket} failed (${details}).`);
}
