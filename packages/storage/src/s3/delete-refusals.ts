import { S3ServiceException } from '@aws-sdk/client-s3';
import { s3ErrorName, statusOf } from './s3-errors.ts';

/** What a store without a feature answers, with whatever status. */
const NOT_SUPPORTED = /^(NotImplemented|MethodNotAllowed|Unsupported|UnsupportedOperation|XNotImplemented)$/;
/** The whole store is asked in vain, or too often. */
const OF_THE_STORE =
  /^(NoSuchBucket|SlowDown|TooManyRequests|Throttling|ThrottlingException|RequestTimeout|RequestTimeTooSkewed)$/;
const OF_THE_STORE_STATUS: ReadonlySet<number> = new Set([301, 307, 401, 408, 429]);

/**
 * True if the store refused the form of a request, so that another form may do: it does not know the operation, or not these
 * headers, or answers something that is no answer to it. Stores say that with many codes; what is meant otherwise, such as a
 * denied access, is refused in the other form too.
 */
export function isRefusedForm(thrown: unknown): boolean {
  const status = statusOf(thrown) ?? statusOfUnreadable(thrown);
  if (status === undefined || OF_THE_STORE.test(s3ErrorName(thrown)) || OF_THE_STORE_STATUS.has(status)) return false;
  return status < 500 || status === 501 || NOT_SUPPORTED.test(s3ErrorName(thrown));
}

/** True if it says nothing of the one object: there was no answer, or the store is in trouble. */
export function isOfTheStore(thrown: unknown): boolean {
  const status = statusOf(thrown);
  return (
    status === undefined || OF_THE_STORE.test(s3ErrorName(thrown)) || OF_THE_STORE_STATUS.has(status) || status >= 500
  );
}

/** The status of an answer that the SDK could not read, such as a page of HTML; it adds the answer to its error. */
function statusOfUnreadable(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || thrown instanceof S3ServiceException || !('$response' in thrown)) return undefined;
  const response: unknown = thrown.$response;
  if (typeof response !== 'object' || response === null || !('statusCode' in response)) return undefined;
  return typeof response.statusCode === 'number' ? response.statusCode : undefined;
}
