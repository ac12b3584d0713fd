import type { Readable } from 'node:stream';

/** What is known about a stored object. */
export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** A strong entity tag with its quotes (RFC 9110, section 8.8.3): other content has another tag. */
  readonly etag: string;
  readonly mediaType: string;
  /** Right after a put to S3 this is the time of the caller's clock, later that of the store's. */
  readonly lastModified: Date;
}

/** What a listing contains; the other facts cost a request for each object. */
export type ObjectEntry = Pick<ObjectInfo, 'key' | 'bytes' | 'lastModified'>;

export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array>;

export interface PutOptions {
  readonly mediaType: string;
  /** A longer body is refused with `request_too_large`, and nothing is stored. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** First and last byte, both included, as in HTTP. An `end` after the object's end means its last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface GetOptions {
  readonly range?: ByteRange;
  readonly signal?: AbortSignal;
}

export interface StoredObject {
  /** Facts of the whole object, even if only a range was requested. */
  readonly info: ObjectInfo;
  /** The caller reads it to its end or destroys it. It fails rather than end early. */
  readonly body: Readable;
}

export interface PresignGetOptions {
  /** 1 second to 7 days. */
  readonly expiresSeconds: number;
  /** The name under which a browser saves the object. */
  readonly fileName?: string;
  /** The media type of the answer, instead of the stored one. */
  readonly mediaType?: string;
}

export interface PresignPutOptions {
  /** 1 second to 7 days. */
  readonly expiresSeconds: number;
  /** The Content-Type that the request must then have. */
  readonly mediaType?: string;
  /** The exact length that the body must then have. */
  readonly bytes?: number;
  /** S3 cannot enforce this limit: call `head` before using the uploaded object, or give `bytes`. */
  readonly maxBytes?: number;
}

/**
 * Objects under keys, in a folder or in S3. Keys are `/`-separated names of letters, digits, `.`, `_` and `-`; no key may
 * be the folder of another. A put is atomic: readers see the old object, none, or the whole new one.
 *
 * Errors: `storage_unavailable` and `disk_full` of the store, `invalid_parameter` for a bad key, `canceled` when the
 * signal aborts. An error that the body of a put throws is passed on unchanged. After an error of a put the object may
 * exist or not, but never in part.
 */
export interface ObjectStore {
  readonly kind: 'file' | 's3';
  /**
   * True if the store itself answers the addresses that it signs. False if they lead back to the service that uses the store,
   * which then has to answer them, and may as well send an object itself.
   */
  readonly answersSignedUrls: boolean;
  /** Durable when it resolves. */
  put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectInfo>;
  /** Undefined if there is no object; `range_not_satisfiable` if the range begins after the object's end. */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>;
  head(key: string, options?: { readonly signal?: AbortSignal }): Promise<ObjectInfo | undefined>;
  /**
   * A key without an object is no error. What cannot be deleted does not keep the others from being deleted: then it rejects with
   * ObjectsKept, which has the keys. After any other error all of them may still be there. See tryDelete.
   */
  delete(keys: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Every object whose key begins with `prefix`, in the order of the keys' bytes. */
  list(prefix: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<ObjectEntry>;
  /** A URL from which anyone may read the object until it expires. */
  presignGet(key: string, options: PresignGetOptions): Promise<string>;
  /** A URL to which anyone may write the object, by PUT, until it expires. */
  presignPut(key: string, options: PresignPutOptions): Promise<string>;
  /** Rejects unless the store can be used: the folder is writable and its disk not full, the bucket exists. */
  check(signal?: AbortSignal): Promise<void>;
  /** Removes what interrupted puts left behind, if it is older than this. Returns how many there were. */
  sweepTemporary(olderThanMs: number, signal?: AbortSignal): Promise<number>;
  close(): Promise<void>;
}
