import { createBackoff, pause } from '@qwen-edit/async';
import { AppError } from '@qwen-edit/contract';
import {
  failureOfAnswer,
  failureOfNetwork,
  hubRefused,
  hubUnreachable,
  pageInstead,
  type Trouble,
} from './hub-errors.ts';
import { hubRequest } from './hub-request.ts';
import { listedFile, listedSchema, type ModelFile } from './model-files.ts';
import { isCommit, type ModelRef } from './model-ref.ts';
import type { HubSettings } from './settings.ts';
import { type Timing, withinMs } from './timing.ts';

/** Tries before a hub counts as away. Later, when it has answered once, a download is more patient. */
const TRIES = 4;

interface Asking {
  readonly ref: ModelRef;
  readonly settings: HubSettings;
  readonly timing: Timing;
  readonly signal: AbortSignal;
  /** Default: TRIES. */
  readonly tries?: number;
}

/** The commit that a revision means now. Errors: `hub_unreachable`, `hub_refused`, `model_gated`, `model_unknown`. */
export async function askCommit(asking: Asking): Promise<string> {
  const { ref, settings } = asking;
  if (isCommit(ref.revision)) return ref.revision;
  const { modelInfo } = await hubLibrary();
  const info = await readable(settings, () =>
    modelInfo({
      name: ref.repo,
      revision: ref.revision,
      additionalFields: ['sha'],
      hubUrl: settings.endpoint,
      fetch: patientFetch(asking, `the revision ${ref.revision}`),
    }),
  );
  if (typeof info.sha === 'string' && isCommit(info.sha)) return info.sha;
  throw hubRefused(settings.endpoint, 'it names no commit');
}

/** All files of a commit. Errors as of askCommit. */
export async function askFiles(asking: Asking, commit: string): Promise<ModelFile[]> {
  const { ref, settings } = asking;
  const fetch = patientFetch(asking, `the list of files at ${commit}`);
  const { listFiles } = await hubLibrary();
  return readable(settings, async () => {
    const repo = { type: 'model', name: ref.repo } as const;
    const files: ModelFile[] = [];
    for await (const entry of listFiles({
      repo,
      recursive: true,
      revision: commit,
      hubUrl: settings.endpoint,
      fetch,
    })) {
      if (entry.type === 'directory') continue;
      const listed = listedSchema.safeParse(entry);
      if (!listed.success) {
        const [issue] = listed.error.issues;
        throw hubRefused(
          settings.endpoint,
          `an entry of the list of files is odd (${issue?.path.join('.')}: ${issue?.message})`,
        );
      }
      files.push(listedFile(listed.data));
    }
    return files;
  });
}

/** Loaded late: who only looks for a model on the disk asks no hub. */
const hubLibrary = () => import('@huggingface/hub');

/** The library reads the answer; what it cannot read is no answer of a hub. */
async function readable<T>(settings: HubSettings, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw hubRefused(settings.endpoint, `its answer cannot be read (${reason.slice(0, 200)})`);
  }
}

/** Gives the library answers that succeeded, read to their end, and throws AppError for all others. */
function patientFetch({ ref, settings, timing, signal, tries = TRIES }: Asking, what: string): typeof fetch {
  const backoff = createBackoff({ firstMs: timing.firstMs, maxMs: timing.maxMs });
  return async (input) => {
    const url = atEndpoint(String(input instanceof Request ? input.url : input), settings.endpoint);
    for (let failures = 1; ; failures++) {
      const outcome = await withinMs(timing.stallMs, signal, (inner) => once(url, inner)).catch((thrown: unknown) => {
        if (signal.aborted) throw new AppError('canceled', 'The download was stopped.');
        return failureOfNetwork(settings.endpoint, thrown);
      });
      if (outcome instanceof Response) return outcome;
      if ('error' in outcome) throw outcome.error;
      if (failures >= tries || isFinal(outcome.trouble)) throw hubUnreachable(settings.endpoint, outcome.trouble);
      await pause(outcome.trouble.afterMs ?? backoff(failures), signal);
    }
  };

  async function once(url: string, inner: AbortSignal) {
    const { response, fromEndpoint } = await hubRequest(url, settings, { signal: inner });
    const { status, headers } = response;
    const text = await response.text();
    if (!response.ok) return failureOfAnswer(settings, ref.repo, what, { status, headers, fromEndpoint });
    if (/^\s*</.test(text)) return { error: pageInstead(settings.endpoint, what) };
    return new Response(text, { status, headers: headers.has('link') ? { link: headers.get('link') ?? '' } : {} });
  }
}

/** A name that nobody knows, and a port at which nobody listens, are told at once. */
function isFinal({ message }: Trouble): boolean {
  return /^(ENOTFOUND|ECONNREFUSED)/.test(message);
}

/** Mirrors hand the hub's own addresses of further pages on, where the hub may be out of reach, and must not get the mirror's token. */
function atEndpoint(url: string, endpoint: string): string {
  if (url.startsWith(`${endpoint}/`)) return url;
  const { pathname, search } = new URL(url);
  const api = pathname.indexOf('/api/');
  return api === -1 ? url : `${endpoint}${pathname.slice(api)}${search}`;
}
