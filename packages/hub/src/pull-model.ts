import { stat } from 'node:fs/promises';
import { AppError } from '@qwen-edit/contract';
import { takeLock } from '@qwen-edit/files';
import { cachePaths } from './cache-paths.ts';
import { cachePlace } from './cache-place.ts';
import { requireSpace } from './disk-space.ts';
import { downloadFile } from './download-file.ts';
import { fileError } from './file-errors.ts';
import { findModel, modelFilesOf } from './find-model.ts';
import { folderLock, folderNotes, folderPlace, readFolderRecord } from './folder-place.ts';
import { askCommit, askFiles } from './list-files.ts';
import { isModelTree, lorasOf } from './lora-files.ts';
import { chooseLoraFiles } from './lora-repository.ts';
import { createMeter, type Meter, type PullProgress } from './meter.ts';
import { isNeeded, type ModelFile, matchesAny } from './model-files.ts';
import { type ModelRef, refText } from './model-ref.ts';
import type { ModelPlace } from './place.ts';
import type { HubSettings } from './settings.ts';
import { TIMING, type Timing } from './timing.ts';
import { readTree, writeTree } from './tree-file.ts';

export interface PullOptions {
  /** A folder of plain files instead of the cache. QWEN_EDIT_2511_DIR. */
  readonly localDir?: string | undefined;
  /** Patterns of the files that are wanted, as of Python's allow_patterns. The folder is then not whole, unless they match all. */
  readonly include?: readonly string[] | undefined;
  /** The one file that is wanted, of a repository of LoRAs. */
  readonly file?: string | undefined;
  /** True: a repository of LoRAs is refused. */
  readonly modelOnly?: boolean | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Other waits than the usual ones, for tests. */
  readonly timing?: Partial<Timing> | undefined;
}

export interface PulledModel {
  /** The folder that a pipeline loads, or in which the LoRAs lie. */
  readonly dir: string;
  /** The LoRAs that were wanted, by their paths in the folder; undefined for a model. */
  readonly loras?: readonly string[] | undefined;
  readonly commit: string;
  /** What lies there now: of the chosen files. */
  readonly files: number;
  readonly bytes: number;
  /** How many of the bytes had to come over the network this time. */
  readonly downloaded: number;
  /** How many of the files were downloaded this time, to their ends, and verified. The others were there. */
  readonly verified: number;
  /** Files that the pipeline reads and that `include` left out. Not empty: the folder is not whole. */
  readonly leftOut: readonly string[];
}

/** Files that are downloaded at once. */
const AT_ONCE = 4;

/**
 * Downloads a model or LoRAs, or what is missing of them, and returns the folder when all of it is there and verified. A repository without
 * model_index.json is one of LoRAs: its other files stay on the hub, and it always goes to the cache. Every interruption leaves
 * what has arrived, and the next call goes on from there; no folder counts as a model before it is whole. Of several calls for one folder,
 * in any processes, one downloads and the others wait for it. With `offline` nothing is asked: the folder is returned if it is whole.
 *
 * Errors: those of chooseLoraFiles; `hub_unreachable`, `hub_refused`, `model_gated`, `model_unknown`, `model_not_found` (offline),
 * `model_corrupt`, `disk_full`, `output_unwritable`, `canceled` when the signal aborts.
 *
 * @example
 * const ref = parseModelRef('Qwen/Qwen-Image-Edit-2511');
 * const { dir } = await pullModel(ref, settings, { signal, onProgress: ({ bytesDone, bytes }) => show(bytesDone / bytes) });
 */
export async function pullModel(ref: ModelRef, settings: HubSettings, asked: PullOptions): Promise<PulledModel> {
  const options = asked.file === undefined ? asked : { ...asked, localDir: undefined };
  const timing = { ...TIMING, ...options.timing };
  const meter = createMeter(options.onProgress ?? (() => undefined));
  const root = options.localDir ?? cachePaths(settings.cacheDir, ref.repo).folder;
  if (settings.offline) return offlineModel(ref, settings, options);
  for (;;) {
    // 1. One process at a time.
    const path =
      options.localDir === undefined ? cachePaths(settings.cacheDir, ref.repo).lock : folderLock(options.localDir);
    const lock = await takeLock(path, { timing, signal: options.signal, onWait: () => meter.phase('waiting') }).catch(
      (thrown: unknown) => Promise.reject(fileError(root, thrown)),
    );
    const signal = AbortSignal.any([options.signal, lock.lost]);
    try {
      const pulled = await pullLocked({ ref, settings, options, timing, meter, signal, confirm: lock.confirm });
      if (pulled !== 'loras') return pulled;
    } catch (thrown) {
      if (options.signal.aborted) throw new AppError('canceled', 'The download was stopped.', { cause: thrown });
      // Another process thought us dead and does the rest: wait for it.
      await lock.confirm('now').catch(() => undefined);
      if (!lock.lost.aborted) throw fileError(root, thrown);
    } finally {
      await lock.release();
    }
    if (options.localDir !== undefined) return pullModel(ref, settings, { ...options, localDir: undefined });
  }
}

interface Pull {
  readonly ref: ModelRef;
  readonly settings: HubSettings;
  readonly options: PullOptions;
  readonly timing: Timing;
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** Throws if this process must not write any more. */
  readonly confirm: () => Promise<void>;
}

/** `loras`: they do not go to `localDir`, which is the folder of a model. */
async function pullLocked(pull: Pull): Promise<PulledModel | 'loras'> {
  const { ref, settings, options, timing, meter, signal, confirm } = pull;
  // 2. What is there, on the hub and here?
  meter.phase('listing');
  const asking = { ref, settings, timing, signal };
  const commit = await askCommit(asking);
  const bookkeeping = bookkeepingOf(ref, settings, options);
  const known = await readTree(bookkeeping, commit);
  const tree = known ?? (await askFiles(asking, commit));
  const isModel = isModelTree(tree);
  if (!isModel && options.modelOnly === true) throw noModel(ref);
  if (!isModel && options.localDir !== undefined) return 'loras';
  if (isModel && options.file !== undefined) throw noFileOfModel(ref, options.file);
  await refuseOtherModel(ref, options.localDir);
  const place =
    options.localDir === undefined
      ? cachePlace(settings.cacheDir, ref, commit)
      : folderPlace(options.localDir, ref, commit, tree);
  const context = { ref, commit, settings, timing, meter, signal, confirm };
  const include = options.include ?? [];
  const needed = isModel ? tree.filter(isNeeded) : await chooseLoraFiles(tree, options, place, context);
  const wanted = include.length === 0 || !isModel ? needed : tree.filter(({ path }) => matchesAny(path, include));
  const leftOut = needed.filter((file) => !wanted.includes(file));
  if (wanted.length === 0) throw nothingWanted(ref, include);
  if (known === undefined) await writeTree(bookkeeping, commit, tree);

  // 3. Is there room for what is missing?
  meter.total(wanted.length, sum(wanted));
  meter.phase('checking');
  const missing = new Map<string, ModelFile>();
  let downloaded = 0;
  for (const file of wanted) {
    if (!(await place.has(file, signal))) {
      if (!missing.has(place.partialOf(file))) missing.set(place.partialOf(file), file);
      continue;
    }
    meter.bytes(file.path, file.size, 0);
    meter.fileDone(file.path);
  }
  const present = await Promise.all(
    [...missing.keys()].map(async (path) => (await stat(path).catch(() => undefined))?.size ?? 0),
  );
  downloaded = Math.max(0, sum([...missing.values()]) - present.reduce((total, size) => total + size, 0));
  await requireSpace(place.root, downloaded);

  // 4. Download it, the largest first, so that the last minutes are not those of one file alone.
  if (missing.size > 0) {
    await place.begin();
    meter.phase('downloading');
    await downloadAll([...missing.values()], place, context);
  }
  // 5. Only now is it a model.
  await confirm();
  await place.finish(wanted, leftOut);
  meter.phase('done');
  const arrived = wanted.filter((file) => missing.has(place.partialOf(file))).length;
  return {
    ...{ dir: place.dir, commit, files: wanted.length, bytes: sum(wanted) },
    ...{ downloaded, verified: arrived, leftOut: leftOut.map(({ path }) => path) },
    ...(isModel ? {} : { loras: wanted.map(({ path }) => path) }),
  };
}

async function downloadAll(
  files: readonly ModelFile[],
  place: ModelPlace,
  context: Parameters<typeof downloadFile>[2],
): Promise<void> {
  const waiting = [...files].sort((a, b) => b.size - a.size);
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const errors: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !signal.aborted; file = waiting.shift()) {
      await downloadFile(file, place.partialOf(file), { ...context, signal });
      await context.confirm();
      await place.keep(file);
      context.meter.fileDone(file.path);
    }
  };
  // The first error ends the others, whose own is then only that they were ended.
  const workers = Array.from({ length: AT_ONCE }, () =>
    work().catch((thrown: unknown) => {
      errors.push(thrown);
      failed.abort();
    }),
  );
  await Promise.all(workers);
  if (errors.length > 0) throw errors[0];
  context.signal.throwIfAborted();
}

async function offlineModel(ref: ModelRef, settings: HubSettings, options: PullOptions): Promise<PulledModel> {
  const found = await findModel(ref, settings, options.localDir);
  const facts = found === undefined ? undefined : await modelFilesOf(ref, settings, options.localDir);
  const loras = found === undefined ? undefined : await lorasOf(found);
  const hasFile = options.file === undefined || loras?.includes(options.file) === true;
  if (found !== undefined && facts !== undefined && hasFile && (loras === undefined || options.modelOnly !== true))
    return {
      ...{ dir: found, ...facts, downloaded: 0, verified: 0, leftOut: [] },
      ...(loras && { loras: options.file === undefined ? loras : [options.file] }),
    };
  const what = options.file === undefined ? refText(ref) : `${options.file} of ${refText(ref)}`;
  throw new AppError(
    'model_not_found',
    `${what} is not whole in ${options.localDir ?? settings.cacheDir}, and HF_HUB_OFFLINE forbids to download it.`,
    {
      hint: 'Unset HF_HUB_OFFLINE, or copy the folder from a machine that has it. `qwen-edit model list` tells what is there.',
    },
  );
}

function bookkeepingOf(ref: ModelRef, settings: HubSettings, { localDir }: PullOptions): string {
  return localDir === undefined ? cachePaths(settings.cacheDir, ref.repo).folder : folderNotes(localDir);
}

/** A folder is for one model: files of two would lie there side by side. */
async function refuseOtherModel({ repo }: ModelRef, localDir: string | undefined): Promise<void> {
  const record = localDir === undefined ? undefined : await readFolderRecord(localDir);
  if (record === undefined || record.repo === repo) return;
  throw new AppError('usage', `${localDir} is the folder of ${record.repo}.`, {
    hint: `Name another folder for ${repo} in QWEN_EDIT_2511_DIR, or unset it to use the cache.`,
  });
}

function noModel(ref: ModelRef): AppError {
  return new AppError('model_unsupported', `${refText(ref)} is no model: it has no model_index.json.`, {
    hint: 'Name a model in the layout of diffusers, as Qwen/Qwen-Image-Edit-2511. A repository of LoRAs is named in `lora` of an edit.',
  });
}

function noFileOfModel(ref: ModelRef, file: string): AppError {
  return new AppError('usage', `${refText(ref)} is a model, of which ${file} alone is of no use.`, {
    hint: 'Leave the file out to download the model, or choose parts of it with --include.',
  });
}

function nothingWanted(ref: ModelRef, include: readonly string[]): AppError {
  return new AppError(
    'usage',
    include.length === 0
      ? `${refText(ref)} has no files.`
      : `${refText(ref)} has no file that matches ${include.join(' or ')}.`,
    { hint: 'In a pattern * stands for any characters, slashes too: --include "transformer/*".' },
  );
}

const sum = (files: readonly ModelFile[]): number => files.reduce((total, { size }) => total + size, 0);
