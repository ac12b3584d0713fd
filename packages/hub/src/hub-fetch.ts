/** Addresses of proxies. undefined: none. */
export interface ProxySettings {
  /** For http addresses, and for https ones if there is no other for them. */
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  /** Hosts that are reached without a proxy, with commas between; `*` for all. */
  readonly noProxy?: string | undefined;
}

const CONNECT_MS = 20_000;

/** A fetch that goes through the proxies. Its waits for an answer and for bytes have no end of their own: callers limit them. */
export function createHubFetch(proxies: ProxySettings = {}): typeof fetch {
  let loading: Promise<typeof fetch> | undefined;
  return async (input, init) => {
    loading ??= load(proxies);
    return (await loading)(input, init);
  };
}

/** Loaded late: who only looks for a model on the disk makes no request. */
async function load({ httpProxy, httpsProxy, noProxy }: ProxySettings): Promise<typeof fetch> {
  const { EnvHttpProxyAgent, fetch: undiciFetch } = await import('undici');
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
