import { AppError } from '@qwen-edit/contract';
import { firstArrangement } from './arrange-memory.ts';
import { type LoadedModel, loadModel, type ModelLoadOptions, type OpenedModel, openModel } from './engine/model.ts';
import { availableMemory } from './plan/available-memory.ts';
import { prepareWeights } from './prepared/prepare-weights.ts';
import { hasInt8Products, NO_LAYOUT } from './prepared/processor-class.ts';
import type { Preparing } from './types.ts';
import { versions } from './versions.ts';

export interface PreparedLoadOptions extends Omit<ModelLoadOptions, 'prepare'> {
  /** The folder for prepared weights; a precision that prepares some needs it. */
  readonly weightCacheDir?: string | undefined;
  /** Called before weights are prepared, if some have to be. */
  readonly onPreparing?: (what: Preparing) => void;
  /** Progress of the preparation, which takes minutes for a large model, once. */
  readonly onPrepared?: (made: number, total: number) => void;
}

/** Loads a model in any precision: what has to be prepared is found, or made first. Rejects as loadModel and prepareWeights do. */
export async function loadPreparedModel(dir: string, options: PreparedLoadOptions): Promise<LoadedModel> {
  const memoryBytes = options.memoryBytes ?? (await availableMemory()).totalBytes;
  return loadModel(dir, {
    ...options,
    memoryBytes,
    arrangement: (folder, device, precision) =>
      firstArrangement(folder, { device, precision, memoryBytes, deviceMemoryBytes: options.deviceMemoryBytes }),
    prepare: preparing(dir, options),
  });
}

/** The same without a network of it being loaded. */
export async function openPreparedModel(dir: string, options: PreparedLoadOptions): Promise<OpenedModel> {
  return openModel(dir, { ...options, prepare: preparing(dir, options) });
}

function preparing(
  dir: string,
  { weightCacheDir, onPreparing, onPrepared, threads, pause, loras }: PreparedLoadOptions,
): NonNullable<ModelLoadOptions['prepare']> {
  return async (folder, precision, device) => {
    if (precision.preparation === undefined) return undefined;
    if (precision.name === 'w8a8' && !hasInt8Products())
      throw new AppError('invalid_parameter', 'This processor has no exact products of 8-bit integers (VNNI or AMX).', {
        hint: 'Use another precision: w8 or w4, which take as little memory, or fp32.',
      });
    if (weightCacheDir === undefined)
      throw new AppError('usage', `The precision ${precision.name} needs a folder for prepared weights.`);
    return prepareWeights(dir, folder, precision, {
      weightCacheDir,
      threads,
      runtime: versions()['onnxruntime-node'],
      processor: device.laysOut ? undefined : NO_LAYOUT,
      pause,
      loras,
      onMaking: (bytes, where) => onPreparing?.({ precision: precision.name, bytes, folder: where }),
      onProgress: onPrepared,
    });
  };
}
