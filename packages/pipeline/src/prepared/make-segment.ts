import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, toAppError } from '@qwen-edit/contract';
import { freeBytes } from '@qwen-edit/files';
import type { LayerSettings, Preparation } from '../engine/precision.ts';
import type { StoredArray } from '../onnx/graph.ts';
import type { LinearLayer } from '../onnx/linear.ts';
import type { PreparedLayer } from '../onnx/prepared-layer.ts';
import type { Weights } from '../weights/weights.ts';
import { type ArrayFile, createArrayFile, sampleDigest } from './array-file.ts';
import { type HeavySegment, isLaidOut } from './heavy-segments.ts';
import { type LaidOut, layOut } from './lay-out.ts';
import {
  ARRAYS,
  MANIFEST,
  type ManifestArray,
  manifestText,
  type SegmentManifest,
  UNFINISHED_MARK,
} from './manifest.ts';
import { sourceDigest } from './source-digest.ts';

export interface SegmentWork {
  /** Where it is written: a real path. */
  readonly folder: string;
  readonly preparation: Preparation;
  /** The class of processors that it is laid out for. */
  readonly processor: string;
  /** Settings of a layer that change what is prepared. */
  readonly settingsOf: (layer: string) => LayerSettings;
}

/**
 * Makes the prepared weights of a segment: its arrays, then its manifest, each under another name until it is whole and on the disk. Two
 * processes that do so at the same time make the same files. Rejects with AppError `model_corrupt` for weights that are no numbers,
 * `engine_failed`, and with what the file system says.
 */
export async function makeSegment(segment: HeavySegment, work: SegmentWork): Promise<void> {
  const path = join(work.folder, segment.name);
  const unfinished = `${path}.${randomUUID()}${UNFINISHED_MARK}`;
  const laidOut = `${unfinished}.laid-out`;
  const file = await createArrayFile(unfinished).catch(async (thrown: unknown) => {
    await rm(unfinished, { force: true });
    throw thrown;
  });
  try {
    const source = await sourceDigest(segment);
    const arrays = await writeArrays(file, segment, work);
    const layers = isLaidOut(segment, work.preparation, work.processor)
      ? await appendLaidOut(file, laidOut, arrays, await laidOutArrays(laidOut, segment, arrays, work))
      : described(arrays, new Map());
    const { bytes, sha256 } = await file.finish();
    const sample = await sampleDigest(unfinished);
    await rename(unfinished, path + ARRAYS);
    await writeDurably(`${unfinished}.json`, { segment: segment.name, bytes, sha256, sample, source, layers });
    await rename(`${unfinished}.json`, path + MANIFEST);
  } finally {
    await file.close().catch(() => undefined);
    for (const each of [unfinished, `${unfinished}.json`, `${laidOut}.onnx`, `${laidOut}.bin`])
      await rm(each, { force: true });
  }
}

async function writeDurably(path: string, manifest: SegmentManifest): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(manifestText(manifest));
    await file.sync();
  } finally {
    await file.close();
  }
}

type PreparedLayers = ReadonlyMap<LinearLayer, PreparedLayer>;

/** Writes the arrays of all layers as the precision stores them. */
async function writeArrays(
  file: ArrayFile,
  { weights, layers }: HeavySegment,
  { preparation, settingsOf }: SegmentWork,
): Promise<PreparedLayers> {
  const prepared = new Map<LinearLayer, PreparedLayer>();
  for (const layer of layers) {
    const settings = settingsOf(layer.name);
    const arrays: Record<string, StoredArray> = {};
    for (const [name, { dtype, data }] of Object.entries(preparedArrays(weights, layer, preparation, settings))) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const offset = await file.append(bytes);
      arrays[name] = { name: `${layer.name}.${name}`, dtype, path: file.path, offset, byteLength: bytes.length };
    }
    prepared.set(layer, { arrays, settings });
  }
  return prepared;
}

function preparedArrays(weights: Weights, layer: LinearLayer, preparation: Preparation, settings: LayerSettings) {
  const name = `${layer.name}.weight`;
  try {
    return preparation.prepare(weights.read(weights.get(name, layer.stored)), layer, settings);
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code !== 'model_corrupt') throw thrown;
    throw new AppError('model_corrupt', `${weights.component}: ${name}: ${error.message}`, {
      cause: thrown,
      hint: error.hint,
    });
  }
}

/** ONNX Runtime doesn't say what was wrong with a file that it could not write. */
async function laidOutArrays(
  path: string,
  { weights }: HeavySegment,
  layers: PreparedLayers,
  { preparation, folder }: SegmentWork,
): Promise<LaidOut> {
  try {
    return await layOut(path, weights, layers, preparation);
  } catch (thrown) {
    throw (await fullDisk(folder, thrown)) ?? thrown;
  }
}

/** Appends what was laid out of the arrays. */
async function appendLaidOut(
  file: ArrayFile,
  path: string,
  arrays: PreparedLayers,
  laidOut: LaidOut,
): Promise<SegmentManifest['layers']> {
  if (laidOut.size === 0) return described(arrays, laidOut);
  const from = await open(`${path}.bin`, 'r');
  try {
    const placed = new Map<string, NonNullable<ManifestArray['prepacked']>>();
    for (const [name, { key, offset, byteLength }] of laidOut)
      placed.set(name, { key, offset: await file.copy(from, offset, byteLength), byteLength });
    return described(arrays, placed);
  } catch (thrown) {
    const isCutOff = thrown instanceof AppError;
    throw (isCutOff ? await fullDisk(path, thrown) : undefined) ?? thrown;
  } finally {
    await from.close();
  }
}

/** Less than this is not what a disk has left that has room for a segment. */
const LITTLE = 2 ** 20;

/** The error of a disk that is full, if it is. */
async function fullDisk(path: string, cause: unknown): Promise<Error | undefined> {
  const free = await freeBytes(path);
  if (free === undefined || free > LITTLE) return undefined;
  return Object.assign(new Error('ENOSPC: no space left on device', { cause }), { code: 'ENOSPC' });
}

function described(
  layers: PreparedLayers,
  laidOut: ReadonlyMap<string, NonNullable<ManifestArray['prepacked']>>,
): SegmentManifest['layers'] {
  const all: SegmentManifest['layers'] = {};
  for (const [{ name: layer }, { arrays }] of layers) {
    const placed: Record<string, ManifestArray> = {};
    for (const [name, { name: fullName, dtype, offset, byteLength }] of Object.entries(arrays)) {
      const prepacked = laidOut.get(fullName);
      placed[name] = {
        dtype: storedType(dtype),
        offset,
        byteLength,
        ...(prepacked === undefined ? {} : { prepacked }),
      };
    }
    all[layer] = placed;
  }
  return all;
}

function storedType(dtype: StoredArray['dtype']): ManifestArray['dtype'] {
  if (dtype === 'I8' || dtype === 'U8' || dtype === 'F32') return dtype;
  throw new AppError('internal', `A prepared array has the type ${dtype}.`);
}
