import { mkdir, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { bytesText, freeBytes, hasSpace, takeLock } from '@qwen-edit/files';
import { type Precision, preparedBytes } from '../engine/precision.ts';
import type { ModelFolder } from '../hub/model-folder.ts';
import type { FindPrepared } from '../onnx/prepared-layer.ts';
import { type HeavySegment, heavySegments } from './heavy-segments.ts';
import { layerTablePath, readLayerTable } from './layer-settings.ts';
import { makeMissing } from './make-missing.ts';
import { DESCRIPTION_FILE, UNFINISHED } from './manifest.ts';
import { openPrepared } from './open-prepared.ts';
import { type Place, placeOf } from './place.ts';
import { writeFault } from './write-fault.ts';

export interface PrepareOptions {
  /** The folder for the prepared weights of all models. */
  readonly weightCacheDir: string;
  readonly threads: number;
  /** Version of ONNX Runtime, whose layouts are stored. */
  readonly runtime: string;
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
}

const LOCK = { beatMs: 3000, deadMs: 20_000 };

/**
 * The weights of a model's repeated layers in the form of a precision; undefined for a precision that takes them as they are. They are made once, in
 * threads, and kept on disk: the next load finds them. What an earlier process has finished is kept when it was killed. Of several processes
 * one makes them, and the others wait.
 *
 * Rejects with AppError `disk_full`, with figures and before anything is written, or when the disk fills up; `output_unwritable`;
 * `model_corrupt` for weights that are no numbers; and with what `pause` throws.
 */
export async function prepareWeights(
  dir: string,
  model: ModelFolder,
  precision: Precision,
  options: PrepareOptions,
): Promise<PreparedWeights | undefined> {
  const { preparation } = precision;
  if (preparation === undefined) return undefined;
  const { weightCacheDir, runtime } = options;
  const segments = heavySegments(model);
  const table = await readLayerTable(layerTablePath(weightCacheDir, model.digest, precision.name));
  const place = await placeOf(weightCacheDir, dir, model, { ...precision, preparation }, { table, runtime });
  // ONNX Runtime refuses links that lead out of the folder that it is given.
  const found = await openPrepared(await realpath(place.folder).catch(() => place.folder), segments);
  if (found.missing.length === 0) return { ...found, folder: place.folder };

  const folder = await startFolder(place);
  const waiting = new AbortController();
  const lock = await whilePausing(options.pause, waiting, () =>
    takeLock(join(folder, 'lock'), { timing: LOCK, signal: waiting.signal, onWait: () => undefined }),
  );
  try {
    // Another process may have made them meanwhile.
    const { missing } = await openPrepared(folder, segments);
    await removeUnfinished(folder);
    const bytes = await requireSpace(folder, missing, precision);
    if (missing.length > 0) options.onMaking?.(bytes, folder);
    let made = segments.length - missing.length;
    options.onProgress?.(made, segments.length);
    const onMade = (): void => options.onProgress?.(++made, segments.length);
    const { threads, pause } = options;
    const making = { dir, folder, precision: precision.name, table, threads, pause, onMade };
    if (missing.length > 0) await makeMissing(missing, making);
  } finally {
    await lock.release();
  }
  const whole = await openPrepared(folder, segments);
  const [broken] = whole.missing;
  if (broken === undefined) return { ...whole, folder };
  throw new AppError('engine_failed', `The prepared weights of ${broken.name} cannot be read back from ${folder}.`, {
    hint: 'Look at the health of that disk, remove the folder, and load the model again.',
  });
}

/** The folder, with a file that says what it is for. */
async function startFolder({ folder, description }: Place): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    const path = join(folder, DESCRIPTION_FILE);
    const unfinished = `${path}.${process.pid}${UNFINISHED}`;
    await writeFile(unfinished, JSON.stringify(description, undefined, 2));
    await rename(unfinished, path);
    return await realpath(folder);
  } catch (thrown) {
    throw writeFault(folder, thrown) ?? thrown;
  }
}

/** What a process that was killed has left. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.includes(UNFINISHED) && !name.startsWith(DESCRIPTION_FILE)) await rm(join(folder, name), { force: true });
}

/** While a segment is made, its weights are on the disk in three files. */
const FILES_AT_ONCE = 3;
const LANES = 4;

/** Returns the bytes that they will take; those that are laid out are stored in both forms. */
async function requireSpace(
  folder: string,
  missing: readonly HeavySegment[],
  { name: precision, preparation }: Precision,
): Promise<number> {
  const needsLayout = preparation?.needsLayout === true;
  const sizes = missing.map(
    ({ layers, isLaidOut }) =>
      (isLaidOut || needsLayout ? 2 : 1) * layers.reduce((sum, { n, k }) => sum + preparedBytes(precision, n * k), 0),
  );
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const needed = all + FILES_AT_ONCE * Math.min(LANES, sizes.length) * Math.max(0, ...sizes);
  const free = await freeBytes(folder);
  if (hasSpace(free, needed)) return all;
  throw new AppError(
    'disk_full',
    `Prepared weights in ${precision} take ${bytesText(all)}, ${bytesText(needed)} while they are made, and ${folder} has ${bytesText(free ?? 0)} free.`,
    { hint: 'Free some space, or let QWEN_EDIT_OFFLOAD_FOLDER name a folder on another disk.' },
  );
}

/** Does something that takes its time, and stops it when `pause` throws. */
async function whilePausing<T>(pause: () => Promise<void>, stop: AbortController, work: () => Promise<T>): Promise<T> {
  const running = work();
  let settled = false;
  void running
    .catch(() => undefined)
    .finally(() => {
      settled = true;
    });
  try {
    while (!settled) {
      await pause();
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 200))]);
    }
  } catch (thrown) {
    stop.abort();
    throw thrown;
  }
  return running;
}
