import { basename } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { precisionNamed } from './engine/precision.ts';
import { layerTablePath, readLayerTable } from './prepared/layer-settings.ts';
import { folderName } from './prepared/place.ts';
import { NO_LAYOUT, processorClass } from './prepared/processor-class.ts';
import { type StoredPrepared, storedPrepared } from './prepared/stored-prepared.ts';

/** Prepared weights on this machine. */
export interface ListedPrepared extends StoredPrepared {
  /** Whether a load on this machine, by this version, would take them. Others are of another processor, or left by an upgrade. */
  readonly used: boolean;
}

/** Every folder of prepared weights, whole or not. Never rejects. */
export async function listPrepared(weightCacheDir: string): Promise<ListedPrepared[]> {
  const all = await storedPrepared(weightCacheDir);
  return Promise.all(all.map(async (each) => ({ ...each, used: await isUsed(weightCacheDir, each) })));
}

async function isUsed(
  weightCacheDir: string,
  { folder, digest, base = digest, precision }: StoredPrepared,
): Promise<boolean> {
  try {
    const { preparation, ...known } = precisionNamed(precision);
    if (preparation === undefined) return false;
    // With ONNX Runtime, which programs that never load a model may be without.
    const { versions } = await import('./versions.ts');
    const table = await readLayerTable(layerTablePath(weightCacheDir, base, known.name));
    const runtime = versions()['onnxruntime-node'];
    return [processorClass(), NO_LAYOUT].some(
      (processor) => basename(folder) === folderName(digest, { ...known, preparation }, { table, runtime, processor }),
    );
  } catch (thrown) {
    if (thrown instanceof AppError) return false;
    throw thrown;
  }
}
