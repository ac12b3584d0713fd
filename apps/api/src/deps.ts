import { LIMITS } from '@qwen-edit/contract';
import type { Database } from '@qwen-edit/db';
import type { ObjectStore } from '@qwen-edit/storage';
import type { Logger, Metrics } from '@qwen-edit/telemetry';

/** What decides whether the pipeline takes a picture's shape; a part of the model's facts and the request. */
export interface ImageShapeRules {
  readonly max_side?: number;
  readonly vae_image_size?: number;
  readonly condition_image_size?: number;
}

export interface ValidatedImage {
  readonly width: number;
  readonly height: number;
  readonly mediaType: string;
}

export interface ApiDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  /** `relayed`: an accepted job needs an outbox row, because its queue is not the database. */
  readonly queue: { readonly relayed: boolean };
  /** Gets a picture from a stranger's address. Throws AppError `url_refused`, `url_unreachable`, `url_too_large`. */
  readonly fetchPicture: (
    url: string,
    options: { readonly maxBytes: number; readonly signal: AbortSignal },
  ) => Promise<Uint8Array>;
  /** Throws AppError `url_refused` for an address that may not be called. */
  readonly checkUrl: (url: string) => unknown;
  /** Decodes a picture to prove it. Throws AppErrors whose messages begin with `label`. */
  readonly validateImage: (bytes: Uint8Array, label: string, rules: ImageShapeRules) => Promise<ValidatedImage>;
  /** Judges the shape of a picture that was validated before. */
  readonly checkImageShape: (
    size: { readonly width: number; readonly height: number },
    label: string,
    rules: ImageShapeRules,
  ) => void;
  /** Makes a small WebP of a picture that was validated before. */
  readonly makeThumbnail: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Defaults to the system's clock. */
  readonly now?: () => Date;
  readonly options: ApiOptions;
}

export interface ApiOptions {
  readonly version: string;
  /** Where the API is reached, for the addresses it gives out; else they follow the request's Host. */
  readonly publicUrl?: string | undefined;
  /** Jobs that may wait at once; undefined = any number. */
  readonly maxQueue?: number | undefined;
  readonly maxAttempts: number;
  /** True where the server listens on more than the loopback: nobody gets in without a key. */
  readonly keysRequired: boolean;
  /** Lets everybody in there all the same. */
  readonly insecure: boolean;
  /** Lets in as the local owner whoever can read the data folder. */
  readonly localToken?: string | undefined;
  /** Folder that `/edit` may write results to. */
  readonly outputDir?: string | undefined;
  /** Folder of the built page. Without it, or where it is empty, `/` is a plain page. */
  readonly pageDir?: string | undefined;
  /** What the file store signs its addresses with; without it /v1/objects has nothing. */
  readonly signingSecret?: string | Uint8Array | undefined;
  readonly limits?: Partial<ApiLimits> | undefined;
}

/** Bounds of one process. Times in milliseconds, sizes in bytes. */
export interface ApiLimits {
  /** Of one request's body. */
  readonly bodyBytes: number;
  /** Of all bodies and fetched pictures that are held at once. */
  readonly bytesInFlight: number;
  /** Of one encoded picture. */
  readonly imageBytes: number;
  readonly parts: number;
  readonly fieldBytes: number;
  /** A body that is silent for so long has ended. */
  readonly bodyIdleMs: number;
  readonly bodyTotalMs: number;
  /** How often the events of watched jobs are looked for. */
  readonly waitPollMs: number;
  readonly maxWaitSeconds: number;
  readonly heartbeatMs: number;
  /** A reader that takes nothing for so long is cut off. */
  readonly stallMs: number;
  /** A worker that was silent for longer counts as gone. */
  readonly workerFreshMs: number;
  /** How long a request may work before another one with its Idempotency-Key takes over. */
  readonly idempotencyLockMs: number;
  readonly uploadExpirySeconds: number;
  readonly downloadExpirySeconds: number;
  /** How long it may go unnoticed that the first API key was made. */
  readonly keysCachedMs: number;
  /** Age of what /health, /metrics and /readyz tell. */
  readonly statusCachedMs: number;
  /** The same pages wait for so long for the database and the storage. */
  readonly statusTimeoutMs: number;
  /** Pictures that are decoded at once, to be validated. */
  readonly validating: number;
  /** Thumbnails that are made at once. */
  readonly thumbnailing: number;
}

export const DEFAULT_API_LIMITS: ApiLimits = {
  bodyBytes: 100_000_000,
  bytesInFlight: 512_000_000,
  imageBytes: LIMITS.imageBytes,
  parts: 100,
  fieldBytes: 1_000_000,
  bodyIdleMs: 30_000,
  bodyTotalMs: 600_000,
  waitPollMs: 200,
  maxWaitSeconds: 60,
  heartbeatMs: 15_000,
  stallMs: 60_000,
  workerFreshMs: 30_000,
  idempotencyLockMs: 60_000,
  uploadExpirySeconds: 3600,
  downloadExpirySeconds: 3600,
  keysCachedMs: 3000,
  statusCachedMs: 1000,
  statusTimeoutMs: 2000,
  validating: 2,
  thumbnailing: 2,
};
