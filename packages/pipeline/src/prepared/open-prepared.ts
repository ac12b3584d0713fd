import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FindPrepared, PreparedLayer } from '../onnx/prepared-layer.ts';
import { sampleDigest } from './array-file.ts';
import type { HeavySegment } from './heavy-segments.ts';
import { type SegmentManifest, segmentManifestSchema } from './manifest.ts';

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
 * model asks for. Never rejects: what cannot be read is missing.
 */
export async function openPrepared(folder: string, segments: readonly HeavySegment[]): Promise<FoundSegments> {
  const layers = new Map<string, PreparedLayer>();
  const missing: HeavySegment[] = [];
  let bytes = 0;
  for (const segment of segments) {
    const path = join(folder, `${segment.name}.bin`);
    const manifest = await readSegment(folder, path, segment);
    if (manifest === undefined) missing.push(segment);
    else {
      bytes += manifest.bytes;
      for (const [name, layer] of placedLayers(manifest, path)) layers.set(name, layer);
    }
  }
  return { find: (layer) => layers.get(layer), missing, bytes };
}

async function readSegment(
  folder: string,
  path: string,
  { name, layers }: HeavySegment,
): Promise<SegmentManifest | undefined> {
  try {
    const json: unknown = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8'));
    const manifest = segmentManifestSchema.parse(json);
    const isWhole =
      (await stat(path)).size === manifest.bytes &&
      (await sampleDigest(path)) === manifest.sample &&
      layers.every((layer) => manifest.layers[layer.name] !== undefined);
    return isWhole ? manifest : undefined;
  } catch {
    return undefined;
  }
}

function placedLayers({ layers }: SegmentManifest, path: string): [string, PreparedLayer][] {
  return Object.entries(layers).map(([layer, { settings, arrays }]) => [
    layer,
    {
      settings,
      arrays: Object.fromEntries(
        Object.entries(arrays).map(([name, { prepacked, ...array }]) => [
          name,
          { name: `${layer}.${name}`, path, ...array, ...(prepacked === undefined ? {} : { prepacked }) },
        ]),
      ),
    },
  ]);
}
