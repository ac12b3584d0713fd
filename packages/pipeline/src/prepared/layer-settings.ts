import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, type PrecisionName } from '@qwen-edit/contract';
import { z } from 'zod';
import type { LayerSettings } from '../engine/precision.ts';

/** Settings of single layers, by their names, where they differ from the precision's own. */
export type LayerTable = Readonly<Record<string, LayerSettings>>;

const tableSchema = z.record(z.string(), z.record(z.string(), z.number()));
const fileSchema = z.looseObject({ layers: tableSchema });

/** The file with the settings of a model's layers in a precision. */
export function layerTablePath(weightCacheDir: string, digest: string, precision: PrecisionName): string {
  return join(weightCacheDir, 'calibration', `${digest.replace(/^sha256:/, '').slice(0, 16)}-${precision}.json`);
}

/** What was measured of a model's layers; empty if nothing was. Throws AppError `model_corrupt` for a file that cannot be read. */
export async function readLayerTable(path: string): Promise<LayerTable> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return {};
  try {
    return fileSchema.parse(JSON.parse(text)).layers;
  } catch (cause) {
    throw new AppError('model_corrupt', `${path} is no table of a calibration.`, {
      hint: 'Remove it, or measure again: `qwen-edit model calibrate`.',
      cause,
    });
  }
}
