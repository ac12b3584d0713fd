import type { Readable } from 'node:stream';

/** What is known about a stored object. */
export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** Entity tag with its quotes (RFC 9110, section 8.8.3), strong: other content has another tag. */
  readonly etag: string;
  readonly mediaType: string;
  /** Right after a put to S3 this is the caller's clock, later the store's. */
  readonly lastModified: Date;
}

/** What a listing says; the rest costs a request for each object. */
export type ObjectEntry = Pick<ObjectInfo, 'key' | 'bytes' | 'lastModified'>;

export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array>;

export interface PutOptions {
  readonly mediaType: string;
  /** A body above this is refused with `request_too_large`, and nothing is stored. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** First and last byte, both included, as in HTTP. An `end` behind the object means its last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface GetOptions {
  readonly range?: ByteRange;
  readonly signal?: AbortSignal;
}

export interface StoredObject {
  /** Of the whole object, also where a range was asked for. */
  readonly info: ObjectInfo;
  /** To be read to its end or destroyed. Fails rather than end early. */
  readonly body: Readable;
}

export interface PresignGetOptions {
  /** 1 second to 7 days. */
  readonly expiresSeconds: number;
  /** The name under which a browser saves the object. */
  readonly fileName?: string;
  /** Answered instead of the stored one. */
  readonly mediaType?: string;
}

export interface PresignPutOptions {
  /** 1 second to 7 days. */
  readonly expiresSeconds: number;
  /** The Content-Type that the request then has to carry. */
  readonly mediaType?: string;
  /** The exact length that the body then has to have. */
  readonly bytes?: number;
  /** S3 has no way to enforce this one: look at `head` before using what was uploaded, or give `bytes`. */
  readonly maxBytes?: number;
}

/**
 * Objects under keys, in a folder or in S3. Keys are `/`-separated names of letters, digits, `.`, `_` and `-`; no key may
 * be the folder of another. A put is atomic: readers see the old object, none, or the whole new one.
 *
 * Errors: `storage_unavailable` and `disk_full` of the store, `invalid_parameter` for a bad key, `canceled` when the
 * signal says so. What the body of a put throws comes out unchanged. After an error of a put the object may be there or
 * not, but never in part.
 */
export interface ObjectStore {
  readonly kind: 'file' | 's3';
  /** Durable when it resolves. */
  put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectInfo>;
  /** Undefined where there is none; `range_not_satisfiable` when the range begins behind the object. */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>;
  head(key: string, options?: { readonly signal?: AbortSignal }): Promise<ObjectInfo | undefined>;
  /** Keys that are not there are no error. */
  delete(keys: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Every object whose key begins with `prefix`, in the order of the keys' bytes. */
  list(prefix: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<ObjectEntry>;
  /** An address from which anyone may read the object until it expires. */
  presignGet(key: string, options: PresignGetOptions): Promise<string>;
  /** An address to which anyone may write the object, by PUT, until it expires. */
  presignPut(key: string, options: PresignPutOptions): Promise<string>;
  /** Proves that the store can be used: the folder is writable, the bucket is there. */
  check(signal?: AbortSignal): Promise<void>;
  /** Removes what puts left behind that were killed, when it is older than this. Returns how many there were. */
  sweepTemporary(olderThanMs: number, signal?: AbortSignal): Promise<number>;
  close(): Promise<void>;
}
