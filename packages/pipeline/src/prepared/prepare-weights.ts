import { readdir, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, toAppError } from '@qwen-edit/contract';
import type { FileLock } from '@qwen-edit/files';
import type { Precision } from '../engine/precision.ts';
import type { ModelFolder } from '../hub/model-folder.ts';
import type { FindPrepared } from '../onnx/prepared-layer.ts';
import type { LoraFile } from '../types.ts';
import { type HeavySegment, heavySegments } from './heavy-segments.ts';
import { calibrationOf, layerTablePath, readLayerTable, settingsOf } from './layer-settings.ts';
import { lockWhilePausing, realFolder } from './locked-folder.ts';
import { MOST_WORKERS, makeMissing } from './make-missing.ts';
import { ARRAYS, DESCRIPTION_FILE, type Description, LOCK_FILE, MANIFEST, UNFINISHED_MARK } from './manifest.ts';
import { mergedModel } from './merged-model.ts';
import { type FoundSegments, openPrepared } from './open-prepared.ts';
import { placeOf } from './place.ts';
import { processorClass } from './processor-class.ts';
import { requireSpaceFor } from './require-space.ts';
import { writeFault } from './write-fault.ts';

export interface PrepareOptions {
  /** The folder for the prepared weights of all models. */
  readonly weightCacheDir: string;
  readonly threads: number;
  /** Version of ONNX Runtime, whose layouts are stored. */
  readonly runtime: string;
  /** The class of processors that weights are laid out for, or NO_LAYOUT; without it, this machine's. */
  readonly processor?: string | undefined;
  /** LoRAs that become a part of the weights. */
  readonly loras?: readonly LoraFile[] | undefined;
  /** Called again and again: throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
  /** Called once before weights are made, with the bytes that they will take, and where. */
  readonly onMaking?: ((bytes: number, folder: string) => void) | undefined;
  readonly onProgress?: ((made: number, total: number) => void) | undefined;
}

/** Weights of a model in the form of a precision, in files. */
export interface PreparedWeights {
  readonly find: FindPrepared;
  readonly folder: string;
  readonly bytes: number;
  /** See Precision. */
  readonly calibration: string | undefined;
}

/**
 * The weights of a model's repeated layers in the form of a precision; undefined for a precision that takes them as they are. They are made once, in
 * threads, and kept on disk: the next load finds them. What an earlier process has finished is kept when it was killed. Of several processes
 * one makes them, and the others wait. A folder that is whole is only read.
 *
 * Rejects with AppError `disk_full`, with figures and before anything is written, or when the disk fills up; `output_unwritable`;
 * `model_corrupt` for weights that are no numbers: what was made of such a checkpoint is removed; and with what `pause` throws.
 */
export async function prepareWeights(
  dir: string,
  model: ModelFolder,
  precision: Precision,
  options: PrepareOptions,
): Promise<PreparedWeights | undefined> {
  const { preparation } = precision;
  if (preparation === undefined) return undefined;
  const { weightCacheDir, threads, pause, runtime, processor = processorClass(), loras = [] } = options;
  const merged = await mergedModel(model, loras);
  const segments = heavySegments(merged);
  const table = await readLayerTable(layerTablePath(weightCacheDir, model.digest, precision.name));
  const calibration = calibrationOf(table);
  const place = await placeOf(
    weightCacheDir,
    dir,
    merged,
    { ...precision, preparation },
    { table, runtime, processor },
  );
  const open = (folder: string) => openPrepared(folder, segments, (layer) => settingsOf(preparation, table, layer));
  // ONNX Runtime refuses links that lead out of the folder that it is given.
  const real = await realpath(place.folder).catch(() => place.folder);
  const found = await open(real);
  if (found.missing.length === 0) return { ...found, folder: real, calibration };

  const requireSpace = (missing: readonly HeavySegment[]): Promise<number> =>
    requireSpaceFor(
      place.folder,
      missing,
      { ...precision, preparation },
      { lanes: Math.min(MOST_WORKERS, threads), processor },
    );
  await requireSpace(found.missing);
  const make = async (folder: string, lock: FileLock): Promise<FoundSegments> => {
    // Another process may have made them meanwhile.
    const { missing } = await open(folder);
    await removeUnfinished(folder);
    const bytes = await requireSpace(missing);
    if (missing.length > 0) options.onMaking?.(bytes, folder);
    const base =
      loras.length === 0 ? {} : { base: model.digest, loras: loras.map(({ label, scale }) => `${label}@${scale}`) };
    await describe(folder, { ...place.description, ...base, segments: segments.length });
    const made: string[] = [];
    const tell = (): void => options.onProgress?.(segments.length - missing.length + made.length, segments.length);
    tell();
    const onMade = (name: string): void => {
      made.push(name);
      tell();
    };
    const pauseAndConfirm = async (): Promise<void> => {
      await pause();
      await lock.confirm();
    };
    const making = {
      dir,
      folder,
      precision: precision.name,
      processor,
      table,
      loras,
      threads,
      pause: pauseAndConfirm,
      onMade,
    };
    try {
      if (missing.length > 0) await makeMissing(missing, making);
    } catch (thrown) {
      if (toAppError(thrown).code === 'model_corrupt') await removeSegments(folder, made);
      throw thrown;
    } finally {
      if (!lock.lost.aborted) await removeUnfinished(folder);
    }
    return open(folder);
  };

  for (;;) {
    const folder = await writing(place.folder, () => realFolder(place.folder));
    const lock = await writing(folder, () => lockWhilePausing(join(folder, LOCK_FILE), pause));
    try {
      const whole = await writing(folder, () => make(folder, lock));
      const [broken] = whole.missing;
      if (broken === undefined) return { ...whole, folder, calibration };
      throw unreadable(folder, broken);
    } catch (thrown) {
      // Stopped for so long that another process took over: it is waited for, as at the beginning.
      const isLost = await lock.confirm('now').then(
        () => false,
        () => true,
      );
      if (!isLost) throw thrown;
    } finally {
      await lock.release();
      await removeIfEmpty(folder);
    }
  }
}

function unreadable(folder: string, { name }: HeavySegment): AppError {
  return new AppError('engine_failed', `The prepared weights of ${name} cannot be read back from ${folder}.`, {
    hint: 'Look at the health of that disk, remove the folder, and load the model again.',
  });
}

/** Says what an error of the file system means. */
async function writing<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof AppError) throw thrown;
    throw writeFault(folder, thrown) ?? thrown;
  }
}

/** Writes what the folder is for. */
async function describe(folder: string, description: Description): Promise<void> {
  const path = join(folder, DESCRIPTION_FILE);
  await writeFile(path + UNFINISHED_MARK, JSON.stringify(description, undefined, 2));
  await rename(path + UNFINISHED_MARK, path);
}

/** What a process that was killed has left. Only who holds the lock may call it. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.includes(UNFINISHED_MARK)) await rm(join(folder, name), { force: true });
}

async function removeSegments(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) for (const end of [MANIFEST, ARRAYS]) await rm(join(folder, name + end), { force: true });
  const left = await readdir(folder);
  if (!left.some((name) => name.endsWith(MANIFEST))) await rm(join(folder, DESCRIPTION_FILE), { force: true });
}

/** A folder in which nothing was made. */
const removeIfEmpty = (folder: string): Promise<void> => rmdir(folder).catch(() => undefined);
