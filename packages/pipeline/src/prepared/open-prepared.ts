import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { LayerSettings } from '../engine/precision.ts';
import type { FindPrepared, PreparedLayer } from '../onnx/prepared-layer.ts';
import { sampleDigest } from './array-file.ts';
import type { HeavySegment } from './heavy-segments.ts';
import { ARRAYS, readManifest, type SegmentManifest } from './manifest.ts';

/** The prepared weights of a model, or as many as are there. */
export interface FoundSegments {
  readonly find: FindPrepared;
  /** Segments that are not there, or not whole. */
  readonly missing: readonly HeavySegment[];
  /** Of the files that are there. */
  readonly bytes: number;
}

/**
 * Reads the manifests of a folder. A segment counts if its manifest and its file are there, belong together, and hold all layers that the
 * model asks for. `settingsOf`: what a form over a layer is built with. Never rejects: what cannot be read is missing.
 */
export async function openPrepared(
  folder: string,
  segments: readonly HeavySegment[],
  settingsOf: (layer: string) => LayerSettings,
): Promise<FoundSegments> {
  const layers = new Map<string, PreparedLayer>();
  const missing: HeavySegment[] = [];
  let bytes = 0;
  for (const segment of segments) {
    const path = join(folder, segment.name + ARRAYS);
    const manifest = await wholeManifest(folder, path, segment);
    if (manifest === undefined) missing.push(segment);
    else {
      bytes += manifest.bytes;
      for (const [layer, arrays] of Object.entries(manifest.layers))
        layers.set(layer, { settings: settingsOf(layer), arrays: placedArrays(layer, arrays, path) });
    }
  }
  return { find: (layer) => layers.get(layer), missing, bytes };
}

async function wholeManifest(
  folder: string,
  path: string,
  { name, layers }: HeavySegment,
): Promise<SegmentManifest | undefined> {
  const manifest = await readManifest(folder, name);
  if (manifest === undefined || !layers.every((layer) => manifest.layers[layer.name] !== undefined)) return undefined;
  try {
    const isWhole = (await stat(path)).size === manifest.bytes && (await sampleDigest(path)) === manifest.sample;
    return isWhole ? manifest : undefined;
  } catch {
    return undefined;
  }
}

function placedArrays(layer: string, arrays: SegmentManifest['layers'][string], path: string): PreparedLayer['arrays'] {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { prepacked, ...array }]) => [
      name,
      { name: `${layer}.${name}`, path, ...array, ...(prepacked === undefined ? {} : { prepacked }) },
    ]),
  );
}
