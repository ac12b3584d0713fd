import type { ServerOptions as NodeOptions } from 'node:http';

/** Milliseconds. */
export interface HttpTimeoutOptions {
  /**
   * How long an idle connection is kept. Balancers and proxies keep theirs for 60 s, and a request that one sends while the
   * server closes is lost: the server must be the one that waits longer.
   */
  readonly keepAliveMs?: number | undefined;
  /**
   * In which a request's headers must arrive. A connection that has sent nothing yet counts too, and a balancer may keep some
   * of these: by default a little longer than an idle one is kept.
   */
  readonly headersMs?: number | undefined;
  /** In which a whole request must arrive. The API's own limits for bodies are shorter. */
  readonly requestMs?: number | undefined;
}

export const DEFAULT_KEEP_ALIVE_MS = 75_000;
const REQUEST_MS = 660_000;
const LONGER_MS = 5000;
/** How many times within a timeout node:http looks for requests that have passed it. */
const CHECKS = 4;

/** How long node:http lets connections and requests take. */
export function httpTimeouts({
  keepAliveMs = DEFAULT_KEEP_ALIVE_MS,
  headersMs = keepAliveMs + LONGER_MS,
  requestMs = Math.max(REQUEST_MS, headersMs),
}: HttpTimeoutOptions = {}): NodeOptions {
  return {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.ceil(Math.min(headersMs, requestMs) / CHECKS),
  };
}
