import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, type PrecisionName } from '@qwen-edit/contract';
import { z } from 'zod';
import type { LayerSettings, Preparation } from '../engine/precision.ts';

/** Settings of single layers, by their names, where they differ from the precision's own. */
export type LayerTable = Readonly<Record<string, LayerSettings>>;

export const layerTableSchema = z.record(z.string(), z.record(z.string(), z.number()));
const fileSchema = z.looseObject({ layers: layerTableSchema });

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

/** A digest of a table; undefined for an empty one. */
export function calibrationOf(table: LayerTable): string | undefined {
  const layers = Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1));
  return layers.length === 0
    ? undefined
    : createHash('sha256').update(JSON.stringify(layers)).digest('hex').slice(0, 16);
}

/** All settings of a layer. */
export function settingsOf({ settings }: Preparation, table: LayerTable, layer: string): LayerSettings {
  return { ...settings, ...table[layer] };
}

/** Those that change what is prepared. The others change only how a graph is built over it. */
export function storedSettings({ stored }: Preparation, settings: LayerSettings): LayerSettings {
  if (stored === undefined) return settings;
  return Object.fromEntries(Object.entries(settings).filter(([name]) => stored.includes(name)));
}

/** The part of a table that changes what is prepared. */
export function storedTable(preparation: Preparation, table: LayerTable): LayerTable {
  const entries = Object.entries(table).map(
    ([layer, settings]) => [layer, storedSettings(preparation, settings)] as const,
  );
  return Object.fromEntries(entries.filter(([, settings]) => Object.keys(settings).length > 0));
}
