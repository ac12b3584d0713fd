import type { Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createBackoff, pause } from '@qwen-edit/async';
import { AppError, maskUrl } from '@qwen-edit/contract';
import { errorCode } from '@qwen-edit/files';
import { digestPart, startDigest } from './digest.ts';
import { failureOfNetwork, hubUnreachable } from './hub-errors.ts';
import type { Meter } from './meter.ts';
import type { ModelFile } from './model-files.ts';
import type { ModelRef } from './model-ref.ts';
import type { HubSettings } from './settings.ts';
import type { Timing } from './timing.ts';
import { type Sink, transfer } from './transfer.ts';

export interface DownloadContext {
  readonly ref: ModelRef;
  readonly commit: string;
  readonly settings: HubSettings;
  readonly timing: Timing;
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** Throws if another process has taken over, so that nothing may be written any more. */
  readonly confirm: () => Promise<void>;
}

/** Failures in a row, without a new byte between, after which the hub counts as away: two and a half minutes. */
const MOST_FAILURES = 10;
/** Bytes that may be lost, at most, when the machine itself fails. */
const SYNC_BYTES = 64 * 2 ** 20;

/**
 * Brings a file to `partial`, whole and verified, and goes on with what is there already, down to the byte. Wrong content is thrown
 * away and asked for once more. Errors: `model_corrupt` that names the file, `hub_unreachable`, `hub_refused`, `model_gated`,
 * `model_unknown`; of the disk as they come; `canceled`. What has arrived is kept in all cases but the first.
 */
export async function downloadFile(file: ModelFile, partial: string, context: DownloadContext): Promise<void> {
  await mkdir(dirname(partial), { recursive: true });
  for (let wrong = 1; ; wrong++) {
    if (await fill(file, partial, context)) return;
    await rm(partial, { force: true });
    context.meter.bytes(file.path, 0, 0);
    if (wrong === 2) throw wrongContent(file, context.settings);
  }
}

/** False if the content is not what the hub lists. */
async function fill(file: ModelFile, partial: string, context: DownloadContext): Promise<boolean> {
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT, 0o644);
  let length = 0;
  try {
    const sink = await resume(file, handle, context);
    const isSame = await receive(file, sink, context).finally(() => {
      length = sink.length;
    });
    if (!isSame) return false;
    // A name is given only to what is on the disk, so that a power cut leaves no file with holes under it.
    await handle.sync();
    return sink.digest.digest('hex') === file.etag;
  } finally {
    await handle.close();
    if (length === 0 && file.size > 0) await rm(partial, { force: true });
  }
}

interface OpenSink extends Sink {
  readonly digest: Hash;
}

/** A file that grows at its end, with the digest of all that it holds. */
async function resume(
  file: ModelFile,
  handle: FileHandle,
  { meter, signal, confirm }: DownloadContext,
): Promise<OpenSink> {
  const { size } = await handle.stat();
  // What is longer than the file is not the beginning of it.
  if (size > file.size) await handle.truncate(0);
  const digest = startDigest(file);
  let length = size > file.size ? 0 : size;
  if (length > 0) {
    meter.phase('checking', file.path);
    let read = 0;
    await digestPart(digest, handle, length, {
      signal,
      onBytes: (count) => {
        read += count;
        meter.bytes(file.path, read, 0);
      },
    });
    length = read;
    meter.phase('downloading', file.path);
  }
  let unsynced = 0;
  return {
    digest,
    get length() {
      return length;
    },
    async append(bytes) {
      await confirm();
      // At its place rather than at the end: should a second process ever write here, it writes the same.
      for (let at = 0; at < bytes.length; )
        at += (await handle.write(bytes, at, bytes.length - at, length + at)).bytesWritten;
      digest.update(bytes);
      length += bytes.length;
      unsynced += bytes.length;
      meter.bytes(file.path, length, bytes.length);
      if (unsynced < SYNC_BYTES) return;
      unsynced = 0;
      await handle.datasync();
    },
  };
}

/** Asks again and again until the sink has all bytes of the file. False if the hub says that it has other content. */
export async function receive(file: ModelFile, sink: Sink, context: DownloadContext): Promise<boolean> {
  const { settings, timing, signal } = context;
  const backoff = createBackoff({ firstMs: timing.firstMs, maxMs: timing.maxMs });
  let failures = 0;
  while (sink.length < file.size) {
    const before = sink.length;
    const outcome = await transfer(file, sink, context).catch((thrown: unknown) => {
      if (signal.aborted) throw new AppError('canceled', 'The download was stopped.');
      // The disk's own errors have a code of the system, and no cause: the network's have one.
      if (thrown instanceof AppError || isOfDisk(thrown)) throw thrown;
      return failureOfNetwork(settings.endpoint, thrown);
    });
    if (outcome === 'other content') return false;
    if (outcome === 'ended') continue;
    if ('error' in outcome) throw outcome.error;
    failures = sink.length > before ? 1 : failures + 1;
    if (failures === MOST_FAILURES) throw hubUnreachable(settings.endpoint, outcome.trouble);
    await pause(outcome.trouble.afterMs ?? backoff(failures), signal);
    if (signal.aborted) throw new AppError('canceled', 'The download was stopped.');
  }
  return true;
}

const isOfDisk = (thrown: unknown): boolean => /^(ENOSPC|EDQUOT|EFBIG|EIO|EROFS|EACCES|EBADF)$/.test(errorCode(thrown));

function wrongContent({ path, sha256, etag }: ModelFile, { endpoint }: HubSettings): AppError {
  const kind = sha256 === undefined ? 'git digest' : 'SHA-256';
  return new AppError(
    'model_corrupt',
    `${path} arrived twice with another content than ${maskUrl(endpoint)} lists (${kind} ${etag.slice(0, 12)}…).`,
    {
      hint: 'A mirror (HF_ENDPOINT) or a proxy on the way alters the file or has an old one: try another endpoint or network. Nothing of it was kept; the other files were.',
    },
  );
}
