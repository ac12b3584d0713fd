import { EnvHttpProxyAgent, fetch as undiciFetch } from 'undici';

/** Addresses of proxies. undefined: none. */
export interface ProxySettings {
  /** For http addresses. */
  readonly httpProxy?: string | undefined;
  /** For https addresses. */
  readonly httpsProxy?: string | undefined;
  /** Hosts that are reached without a proxy, with commas between; `*` for all. */
  readonly noProxy?: string | undefined;
}

const CONNECT_MS = 20_000;

/** A fetch that goes through the proxies. Its waits for an answer and for bytes have no end of their own: callers limit them. */
export function createHubFetch({ httpProxy, httpsProxy, noProxy }: ProxySettings = {}): typeof fetch {
  // An empty text, unlike an absent one, keeps the agent from reading the environment itself.
  const dispatcher = new EnvHttpProxyAgent({
    httpProxy: httpProxy ?? '',
    httpsProxy: httpsProxy ?? '',
    noProxy: noProxy ?? '',
    connect: { timeout: CONNECT_MS },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return (input, init) => undiciFetch(input, { ...init, dispatcher });
}
