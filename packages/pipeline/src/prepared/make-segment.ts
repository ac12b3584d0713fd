import { open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, toAppError } from '@qwen-edit/contract';
import type { LayerSettings, Preparation } from '../engine/precision.ts';
import type { StoredArray } from '../onnx/graph.ts';
import type { LinearLayer } from '../onnx/linear.ts';
import type { PreparedLayer } from '../onnx/prepared-layer.ts';
import type { Weights } from '../weights/weights.ts';
import { createArrayFile, sampleDigest } from './array-file.ts';
import type { HeavySegment } from './heavy-segments.ts';
import { type LaidOut, layOut } from './lay-out.ts';
import { type ManifestArray, type SegmentManifest, UNFINISHED } from './manifest.ts';

export interface SegmentWork {
  /** Where it is written. */
  readonly folder: string;
  readonly preparation: Preparation;
  readonly settingsOf: (layer: string) => LayerSettings;
}

/**
 * Makes the prepared weights of a segment: `NAME.bin`, then `NAME.json`, each under another name until it is whole. Rejects with AppError
 * `model_corrupt` for weights that are no numbers, `engine_failed`, and with what the file system says.
 */
export async function makeSegment(segment: HeavySegment, work: SegmentWork): Promise<void> {
  const path = join(work.folder, segment.name);
  const [raw, laidOut, final] = ['raw', 'laid-out', 'bin'].map((part) => `${path}.${part}${UNFINISHED}`);
  if (raw === undefined || laidOut === undefined || final === undefined) return;
  try {
    const layers = await quantise(raw, segment, work);
    const isLaidOut = segment.isLaidOut || work.preparation.needsLayout;
    const packed = isLaidOut ? await layOut(laidOut, segment.weights, layers, work.preparation) : NOTHING;
    const manifest = await assemble(final, { raw, laidOut: `${laidOut}.bin` }, layers, packed);
    await rename(final, `${path}.bin`);
    await writeFile(`${path}.json${UNFINISHED}`, JSON.stringify({ segment: segment.name, ...manifest }));
    await rename(`${path}.json${UNFINISHED}`, `${path}.json`);
  } finally {
    for (const each of [raw, `${laidOut}.onnx`, `${laidOut}.bin`, final]) await rm(each, { force: true });
  }
}

const NOTHING: LaidOut = new Map();

/** Writes the arrays of all layers to `path`. */
async function quantise(
  path: string,
  { weights, layers }: HeavySegment,
  { preparation, settingsOf }: SegmentWork,
): Promise<Map<LinearLayer, PreparedLayer>> {
  const file = await createArrayFile(path);
  const prepared = new Map<LinearLayer, PreparedLayer>();
  for (const layer of layers) {
    const settings = settingsOf(layer.name);
    const arrays: Record<string, StoredArray> = {};
    for (const [name, { dtype, data }] of Object.entries(preparedArrays(weights, layer, preparation, settings))) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const offset = await file.append(bytes);
      arrays[name] = { name: `${layer.name}.${name}`, dtype, path, offset, byteLength: bytes.length };
    }
    prepared.set(layer, { arrays, settings });
  }
  await file.finish();
  return prepared;
}

function preparedArrays(weights: Weights, layer: LinearLayer, preparation: Preparation, settings: LayerSettings) {
  const name = `${layer.name}.weight`;
  try {
    return preparation.prepare(weights.read(weights.get(name, layer.stored)), layer, settings);
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code !== 'model_corrupt') throw error;
    throw new AppError('model_corrupt', `${weights.component}: ${name}: ${error.message}`, {
      cause: thrown,
      hint: error.hint,
    });
  }
}

/** Puts the arrays, and what was laid out of them, into one file. */
async function assemble(
  path: string,
  from: { readonly raw: string; readonly laidOut: string },
  layers: ReadonlyMap<LinearLayer, PreparedLayer>,
  packed: LaidOut,
): Promise<Omit<SegmentManifest, 'segment'>> {
  const file = await createArrayFile(path);
  const raw = await open(from.raw, 'r');
  const laidOut = packed.size === 0 ? undefined : await open(from.laidOut, 'r');
  const described: SegmentManifest['layers'] = {};
  try {
    for (const [{ name: layer }, { arrays, settings }] of layers) {
      const placed: Record<string, ManifestArray> = {};
      for (const [name, array] of Object.entries(arrays)) {
        const { byteLength } = array;
        const plain = {
          dtype: storedType(array.dtype),
          offset: await file.copy(raw, array.offset, byteLength),
          byteLength,
        };
        const source = packed.get(array.name);
        if (source === undefined || laidOut === undefined) placed[name] = plain;
        else {
          const offset = await file.copy(laidOut, source.offset, source.byteLength);
          placed[name] = { ...plain, prepacked: { key: source.key, offset, byteLength: source.byteLength } };
        }
      }
      described[layer] = { settings: { ...settings }, arrays: placed };
    }
  } finally {
    await raw.close();
    await laidOut?.close();
  }
  const { bytes, sha256 } = await file.finish('durable');
  return { bytes, sha256, sample: await sampleDigest(path), layers: described };
}

function storedType(dtype: StoredArray['dtype']): ManifestArray['dtype'] {
  if (dtype === 'I8' || dtype === 'U8' || dtype === 'F32') return dtype;
  throw new AppError('internal', `A prepared array has the type ${dtype}.`);
}
