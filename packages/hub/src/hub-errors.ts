import { AppError, maskUrl } from '@qwen-edit/contract';
import type { HubSettings } from './settings.ts';

/** A failure that another try may cure. `afterMs`: the hub asked to be left alone for so long. */
export interface Trouble {
  readonly message: string;
  readonly afterMs?: number | undefined;
  readonly cause?: unknown;
}

/** What a failed request means: trouble, which may pass, or an error, which will not. */
export type HubFailure = { readonly trouble: Trouble } | { readonly error: AppError };

const UNREACHABLE =
  'Check the network. Behind a firewall set HTTPS_PROXY to its proxy, or HF_ENDPOINT to a mirror that can be reached. What is in the cache already is used without a request if HF_HUB_OFFLINE is 1.';

/** No answer came, or not all of it. */
export function hubUnreachable(endpoint: string, { message, cause }: Trouble): AppError {
  return new AppError('hub_unreachable', `${maskUrl(endpoint)} cannot be reached: ${message}.`, {
    hint: UNREACHABLE,
    cause,
  });
}

/** What a request that threw says of the network. Certificates do not mend themselves. */
export function failureOfNetwork(endpoint: string, thrown: unknown): HubFailure {
  const reason = innermost(thrown);
  const code = codeOf(reason);
  const message = [code, reason instanceof Error ? reason.message : String(reason)].filter(Boolean).join(': ');
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code))
    return {
      error: new AppError('hub_unreachable', `The certificate of ${maskUrl(endpoint)} is not trusted (${message}).`, {
        hint: 'A proxy that looks into connections brings a certificate of its own: name it in NODE_EXTRA_CA_CERTS. Check the clock of this machine too.',
        cause: thrown,
      }),
    };
  return { trouble: { message, cause: thrown } };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** True if the host of the endpoint answered, not one that it pointed to. */
  readonly fromEndpoint: boolean;
}

/** What an answer means that is no success. `what`: for people, what was asked for. */
export function failureOfAnswer(settings: HubSettings, repo: string, what: string, answer: Answer): HubFailure {
  const { endpoint, token } = settings;
  const { status, headers, fromEndpoint } = answer;
  const message = `${status} for ${what}`;
  if (status === 429 || status === 408 || status === 425 || status >= 500)
    return { trouble: { message, afterMs: retryAfterMs(headers.get('retry-after')) } };
  // The host of the files refuses an address whose time is over: the hub gives a new one.
  if (!fromEndpoint) return { trouble: { message } };
  if (status === 407)
    return {
      error: hubRefused(endpoint, 'the proxy asks for a user and a password', 'Write them into the proxy’s address.'),
    };
  const said = headers.get('x-error-code') ?? '';
  const page = `${maskUrl(endpoint)}/${repo}`;
  if (status === 401 && token !== undefined && said === '')
    return {
      error: new AppError('model_gated', `${maskUrl(endpoint)} does not take the token: ${message}.`, {
        hint: 'It is wrong or has expired: make another one (Settings, Access Tokens) and set HF_TOKEN. A public model needs none: unset HF_TOKEN, and remove the file of HF_TOKEN_PATH.',
      }),
    };
  if (said === 'GatedRepo' || (status === 403 && headers.has('x-error-message')))
    return {
      error: new AppError(
        'model_gated',
        `${page} is not open to ${token !== undefined ? 'this token' : 'everybody'}: ${status} for ${what}.`,
        {
          hint: `Sign in at ${page} and accept its licence there; then make a token that may read it (Settings, Access Tokens), and set HF_TOKEN.`,
        },
      ),
    };
  if (status === 401 || status === 404)
    return {
      error: new AppError(
        'model_unknown',
        said === 'RevisionNotFound'
          ? `${repo} has no such revision: ${what}.`
          : said === 'EntryNotFound'
            ? `${repo} has no such file: ${what}.`
            : `${page} does not exist, or is private: ${message}.`,
        {
          hint: 'Check the spelling of owner, name and revision. A private model needs HF_TOKEN, of an account that may read it; a wrong or expired token is refused in the same way.',
        },
      ),
    };
  if (status === 403)
    return {
      error: hubRefused(
        endpoint,
        message,
        'A proxy (HTTPS_PROXY) or the mirror in HF_ENDPOINT forbids it: choose another, or name the host in NO_PROXY. If you set HF_TOKEN: may it read this model?',
      ),
    };
  return { error: hubRefused(endpoint, message) };
}

/** The endpoint is no hub, or does not let us in. */
export function hubRefused(endpoint: string, reason: string, hint?: string): AppError {
  return new AppError('hub_refused', `${maskUrl(endpoint)} does not answer as a model hub does: ${reason}.`, {
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A page for people instead of what was asked for: the sign-in of a network, or a mirror that shows its own. */
export function pageInstead(endpoint: string, what: string): AppError {
  return hubRefused(
    endpoint,
    `a web page came instead of ${what}`,
    'Open the address in a browser: a network that asks to sign in, a proxy or the mirror in HF_ENDPOINT answers in its place. Sign in, or choose another HF_ENDPOINT.',
  );
}

/** Retry-After is seconds or a date. Source: RFC 9110, 10.2.3. */
function retryAfterMs(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

/** fetch wraps what happened, sometimes twice. */
function innermost(thrown: unknown): unknown {
  let reason = thrown;
  while (reason instanceof Error && reason.cause !== undefined) reason = reason.cause;
  if (reason instanceof AggregateError && reason.errors.length > 0) return reason.errors[0];
  return reason;
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}
