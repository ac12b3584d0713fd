import { AppError } from '@qwen-edit/contract';
import type { DownloadContext } from './download-file.ts';
import { failureOfAnswer, type HubFailure, pageInstead } from './hub-errors.ts';
import { type HubAnswer, hubRequest } from './hub-request.ts';
import type { ModelFile } from './model-files.ts';

/** Where bytes go, in their order. */
export interface Sink {
  readonly length: number;
  append(bytes: Uint8Array): Promise<void>;
}

/**
 * One request for the rest of a file. `ended`: the connection came to its end; whether all is there tells the sink. Throws what the
 * network or the sink throws.
 */
export async function transfer(
  file: ModelFile,
  sink: Sink,
  { ref, commit, settings, timing, signal }: DownloadContext,
): Promise<HubFailure | 'ended' | 'other content'> {
  const from = sink.length;
  const inner = new AbortController();
  const stop = (): void => inner.abort(signal.reason);
  const stalled = (): void => inner.abort(new Error(`no byte for ${timing.stallMs / 1000} s`));
  let timer = setTimeout(stalled, timing.stallMs);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    // 1. Ask for what is missing. The commit, not its branch, which may move meanwhile.
    const path = file.path.split('/').map(encodeURIComponent).join('/');
    const answer = await hubRequest(`${settings.endpoint}/${ref.repo}/resolve/${commit}/${path}`, settings, {
      // Compressed, a part of a file would not be a part of it.
      headers: { 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
      signal: inner.signal,
    });
    // 2. Is that an answer to it?
    const skip = judge(answer, file, from);
    if (typeof skip !== 'number') return await refuse(answer, skip);
    // 3. Take the bytes that are new.
    let toSkip = skip;
    const reader = answer.response.body?.getReader();
    if (reader === undefined) return { trouble: { message: `an answer without a body for ${file.path}` } };
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      // A slow disk is no silent network.
      clearTimeout(timer);
      const fresh = value.subarray(Math.min(toSkip, value.length), toSkip + file.size - sink.length);
      toSkip -= Math.min(toSkip, value.length);
      if (fresh.length > 0) await sink.append(fresh);
      if (sink.length === file.size) {
        await reader.cancel().catch(() => undefined);
        break;
      }
      timer = setTimeout(stalled, timing.stallMs);
    }
    return sink.length === file.size
      ? 'ended'
      : { trouble: { message: `the answer ended after ${sink.length} of ${file.size} bytes of ${file.path}` } };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    inner.abort();
  }

  async function refuse<T>({ response }: HubAnswer, outcome: T): Promise<T> {
    await response.body?.cancel().catch(() => undefined);
    return outcome;
  }

  /** How many bytes of the body are there already; else what the answer means instead. */
  function judge({ response, fromEndpoint, linkedEtag }: HubAnswer, wanted: ModelFile, at: number) {
    const { status, headers } = response;
    if (linkedEtag !== undefined && linkedEtag !== wanted.etag) return 'other content';
    // The server knows no byte after what we have: it has a shorter file.
    if (status === 416) return 'other content';
    if (status !== 200 && status !== 206)
      return failureOfAnswer(settings, ref.repo, wanted.path, { status, headers, fromEndpoint });
    if (/^text\/html/i.test(headers.get('content-type') ?? '') && !/\.html?$/i.test(wanted.path))
      return { error: pageInstead(settings.endpoint, wanted.path) };
    if ((headers.get('content-encoding') ?? 'identity') !== 'identity' && at > 0 && status === 206)
      return { error: compressedParts(wanted.path) };
    // A server that knows no ranges sends all of it: what is there is passed over.
    if (status === 200) return at;
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)/.exec(headers.get('content-range') ?? '') ?? [];
    if (Number(start) !== at) return { trouble: { message: `another range than was asked for of ${wanted.path}` } };
    if (total !== '*' && Number(total) !== wanted.size) return 'other content';
    return 0;
  }
}

function compressedParts(path: string): AppError {
  return new AppError('hub_refused', `Parts of ${path} arrive compressed, so that they cannot be put together.`, {
    hint: 'A proxy or mirror compresses what it hands on: try another HF_ENDPOINT or network.',
  });
}
