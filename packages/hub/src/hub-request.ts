import { AppError } from '@qwen-edit/contract';
import { createHubFetch } from './hub-fetch.ts';
import type { HubSettings } from './settings.ts';

export interface HubAnswer {
  readonly response: Response;
  /** True if the host of the endpoint answered, not one that it pointed to. */
  readonly fromEndpoint: boolean;
  /** The digest that the hub names for the file, if it names one. Source: the header X-Linked-Etag. */
  readonly linkedEtag: string | undefined;
}

const MOST_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const AGENT = 'qwen-edit; node';

/**
 * Asks for an address of the hub, and follows where it points. The token goes to the endpoint's own origin and nowhere else: addresses
 * of files lead to other hosts, and are signed. Any status is an answer. Throws what fetch throws, and AppError `canceled` if
 * HF_HUB_OFFLINE is set, which callers rule out before.
 */
export async function hubRequest(
  url: string,
  settings: HubSettings,
  init: { readonly headers?: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<HubAnswer> {
  if (settings.offline) throw new AppError('canceled', 'HF_HUB_OFFLINE forbids requests.');
  const ask = settings.fetch ?? defaultFetch();
  const home = new URL(settings.endpoint).origin;
  let at = new URL(url);
  let linkedEtag: string | undefined;
  for (let hop = 0; ; hop++) {
    const fromEndpoint = at.origin === home;
    const response = await ask(at, {
      redirect: 'manual',
      signal: init.signal,
      headers: {
        'user-agent': AGENT,
        ...init.headers,
        ...(fromEndpoint && settings.token !== undefined ? { authorization: `Bearer ${settings.token}` } : {}),
      },
    });
    linkedEtag ??= digestIn(response.headers.get('x-linked-etag'));
    const location = response.headers.get('location');
    if (!REDIRECTS.has(response.status) || location === null || hop === MOST_REDIRECTS)
      return { response, fromEndpoint, linkedEtag };
    await response.body?.cancel();
    at = new URL(location, at);
  }
}

let direct: typeof fetch | undefined;
function defaultFetch(): typeof fetch {
  direct ??= createHubFetch();
  return direct;
}

function digestIn(header: string | null): string | undefined {
  const text = header?.replace(/^W\//, '').replaceAll('"', '');
  return text !== undefined && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text) ? text : undefined;
}
