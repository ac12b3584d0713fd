import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Precision, Preparation } from '../engine/precision.ts';
import type { ModelFolder } from '../hub/model-folder.ts';
import { type LayerTable, storedSettings, storedTable } from './layer-settings.ts';
import { type Description, LAYOUT_VERSION } from './manifest.ts';

/** Where the prepared weights of a model lie, and what they are. */
export interface PreparedPlace {
  readonly folder: string;
  readonly description: Omit<Description, 'segments'>;
}

/** The folder of all prepared weights. */
export const preparedRoot = (weightCacheDir: string): string => join(weightCacheDir, 'weights');

/**
 * One folder for each model, precision, settings that change what is prepared, version of the layout and of ONNX Runtime, and class of
 * processors: what differs in any of them never meets.
 */
export async function placeOf(
  weightCacheDir: string,
  dir: string,
  model: Pick<ModelFolder, 'digest' | 'name'>,
  precision: Precision & { readonly preparation: Preparation },
  { table, runtime, processor }: { readonly table: LayerTable; readonly runtime: string; readonly processor: string },
): Promise<PreparedPlace> {
  return {
    folder: join(preparedRoot(weightCacheDir), folderName(model.digest, precision, { table, runtime, processor })),
    description: {
      model: model.name,
      digest: model.digest,
      source: await realpath(dir),
      precision: precision.name,
      processor,
      runtime,
    },
  };
}

/** The name of that folder. */
export function folderName(
  digest: string,
  { name, preparation }: Precision & { readonly preparation: Preparation },
  { table, runtime, processor }: { readonly table: LayerTable; readonly runtime: string; readonly processor: string },
): string {
  const settings = [storedSettings(preparation, preparation.settings), storedTable(preparation, table)];
  const kind = JSON.stringify([LAYOUT_VERSION, preparation.version, ...settings, processor, runtime]);
  const hash = createHash('sha256').update(kind).digest('hex').slice(0, 12);
  return `${digest.replace(/^sha256:/, '').slice(0, 16)}-${name}-${hash}`;
}
