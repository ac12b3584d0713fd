import {
  type CostParameters,
  type EditEstimate,
  type EstimatedModel,
  LIMITS,
  type ModelCapacity,
  type PastEdit,
  type ShapeRules,
  type Size,
} from '@qwen-edit/contract';
import type { Database } from '@qwen-edit/db';
import type { ObjectStore } from '@qwen-edit/storage';
import type { Logger, Metrics } from '@qwen-edit/telemetry';
import type { ByteShare } from './byte-budget.ts';

/** What validating a picture tells of it. */
export interface ImageFacts {
  readonly width: number;
  readonly height: number;
  readonly mediaType: string;
}

/** What the outline of a picture tells. */
export interface ImageInspection {
  /** Memory that decoding takes at most. */
  readonly decodeBytes: number;
  /** The contract version whose workers can read it. */
  readonly needsVersion: number;
}

/** What decoding a picture may take. */
export interface ValidationLimits {
  readonly maxPixels: number;
  readonly maxSeconds: number;
}

/** What edits need and take, by what is known of a model and of the edits that it has made. */
export interface Planner {
  /** Throws AppError `invalid_parameter` or `image_ratio` for sizes that the model does not make. */
  readonly estimateEdit: (
    model: EstimatedModel,
    pictures: readonly Size[],
    parameters: CostParameters,
    past: readonly PastEdit[],
  ) => EditEstimate;
  readonly capacityOf: (model: EstimatedModel, past: readonly PastEdit[]) => ModelCapacity;
}

export interface ApiDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  /** `relayed`: an accepted job needs an outbox row, because its queue is not the database. */
  readonly queue: { readonly relayed: boolean };
  /**
   * Fetches a picture from an address that a caller gave, and counts its bytes in `memory` before it takes memory for
   * them. Throws AppError `url_refused`, `url_unreachable`,
   * `url_too_large`.
   */
  readonly fetchPicture: (
    url: string,
    options: { readonly maxBytes: number; readonly signal: AbortSignal; readonly memory: ByteShare },
  ) => Promise<Uint8Array>;
  /** Throws AppError `url_refused` for an address that the service must not call. */
  readonly checkUrl: (url: string) => unknown;
  /**
   * What the outline of a picture tells before it is decoded. Throws AppErrors of a picture that goes beyond the limits;
   * their messages begin with `label`.
   */
  readonly inspectImage: (bytes: Uint8Array, label: string, limits: ValidationLimits) => ImageInspection;
  /** Checks, by decoding it, that bytes are a whole picture. Throws AppErrors whose messages begin with `label`. */
  readonly validateImage: (
    bytes: Uint8Array,
    label: string,
    rules: ShapeRules,
    limits: ValidationLimits,
  ) => Promise<ImageFacts>;
  /** Checks the shape of a picture that was decoded before. Throws AppErrors whose messages begin with `label`. */
  readonly checkImageShape: (
    size: { readonly width: number; readonly height: number },
    label: string,
    rules: ShapeRules,
  ) => void;
  /** Makes a small WebP of a picture that was decoded before. */
  readonly makeThumbnail: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly planner: Planner;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Defaults to the system's clock. */
  readonly now?: () => Date;
  readonly options: ApiOptions;
}

export interface ApiOptions {
  readonly version: string;
  /** The address under which callers reach the API. Without it, addresses in answers follow the request's Host. */
  readonly publicUrl?: string | undefined;
  /** Names of hosts, in lower case, under which the API also answers while it asks for no key. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Jobs that may wait at one time; undefined = any number. */
  readonly maxQueue?: number | undefined;
  /** Bytes of uploads and pictures that no job uses which an owner may have stored; undefined = any number. */
  readonly maxUnusedBytes?: number | undefined;
  readonly maxAttempts: number;
  /** A job whose request names no deadline expires so long after its submission. */
  readonly deadlineMs: number;
  /** True if the server listens on more than the loopback: then every caller needs a key. */
  readonly keysRequired: boolean;
  /** Admits callers without a key although `keysRequired` is true. */
  readonly insecure: boolean;
  /** A key of the local owner, for programs that can read the data folder. */
  readonly localToken?: string | undefined;
  /** Folder that `/edit` may write results to. */
  readonly outputDir?: string | undefined;
  /** Folder of the built page. Without it, or while it is empty, `/` is a plain page. */
  readonly pageDir?: string | undefined;
  /** The secret that the file store signs its addresses with. Without it, every address under /v1/objects is a 404. */
  readonly signingSecret?: string | Uint8Array | undefined;
  readonly limits?: Partial<ApiLimits> | undefined;
}

/** Bounds of one process. Times in milliseconds, sizes in bytes. */
export interface ApiLimits {
  /** Of one request's body. */
  readonly bodyBytes: number;
  /** Of all bodies and fetched pictures that the process holds at one time. */
  readonly bytesInFlight: number;
  /** Of one encoded picture. */
  readonly imageBytes: number;
  readonly parts: number;
  readonly fieldBytes: number;
  /** A body of which nothing arrives for so long is given up. */
  readonly bodyIdleMs: number;
  readonly bodyTotalMs: number;
  /** Time between two queries for the events of watched jobs. */
  readonly waitPollMs: number;
  readonly maxWaitSeconds: number;
  readonly heartbeatMs: number;
  /** A reader that takes nothing for so long is disconnected. */
  readonly stallMs: number;
  /** A worker that has not reported for longer counts as gone. */
  readonly workerFreshMs: number;
  /** How long an Idempotency-Key stays claimed by a request whose process is gone. A living one renews its claim. */
  readonly idempotencyHoldMs: number;
  /** How long the outcome of a COMMIT whose answer was lost is looked up. */
  readonly lookupMs: number;
  /** How long an answer waits for a read that only embellishes it: what it tells of is committed. */
  readonly afterCommitMs: number;
  readonly uploadExpirySeconds: number;
  readonly downloadExpirySeconds: number;
  /** How long the API may still admit callers without a key after the first key was made. */
  readonly keysCachedMs: number;
  /** How often the credentials of answers that take long are looked at again. */
  readonly credentialsMs: number;
  /** How long a browser stays signed in. */
  readonly sessionMs: number;
  /** Wrong keys that an address may send at once, before it has to wait between them; `wrongKeysTogether`: all addresses. */
  readonly wrongKeys: number;
  readonly wrongKeysTogether: number;
  /** Time after which one more wrong key is allowed to an address. */
  readonly wrongKeyMs: number;
  /** How old the answers of /health, /metrics and /readyz may be. */
  readonly statusCachedMs: number;
  /** How long these routes wait for the database and the storage. */
  readonly statusTimeoutMs: number;
  /** Of one picture that is submitted. */
  readonly pixels: number;
  /** Time that decoding one picture may take. */
  readonly decodeSeconds: number;
  /** Pictures that are decoded at one time. Each has a thread of libuv, which has four: files and names need one too. */
  readonly decodings: number;
  /** Memory that the decoders of these may take together. */
  readonly decodingBytes: number;
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
  idempotencyHoldMs: 4_000,
  lookupMs: 10_000,
  afterCommitMs: 3_000,
  uploadExpirySeconds: 3600,
  downloadExpirySeconds: 3600,
  keysCachedMs: 3000,
  credentialsMs: 2000,
  sessionMs: 30 * 86_400_000,
  wrongKeys: 20,
  wrongKeysTogether: 200,
  wrongKeyMs: 6000,
  statusCachedMs: 1000,
  statusTimeoutMs: 2000,
  pixels: 50_000_000,
  decodeSeconds: 20,
  decodings: 3,
  decodingBytes: 800_000_000,
};
