import { resolve } from 'node:path';
import { AppError, type LoraRef, loraLabel } from '@qwen-edit/contract';
import { type EditConfig, resolveEditConfig } from '../hub/edit-config.ts';
import type { LoraFile } from '../types.ts';
import { readJsonFile } from '../weights/text-file.ts';

/**
 * Finds the file of a LoRA: an absolute path. It also says no: AppError `lora_not_found` for one that is not there, `lora_refused` for one
 * that may not be used.
 */
export type ResolveLora = (lora: LoraRef) => Promise<string>;

/** What edit_config.json of a model folder says of LoRAs. */
export async function readLoraConfig(modelDir: string): Promise<Pick<EditConfig, 'loras' | 'lora'>> {
  return resolveEditConfig((await readJsonFile(modelDir, 'edit_config.json')) ?? {});
}

/**
 * The files of LoRAs, in their order; those of scale 0, which change nothing, are left out. A name is first one of the model folder's own,
 * then what `others` makes of it. Without `others` a path is taken as it is, and there are no repositories.
 * Throws what ResolveLora throws.
 */
export async function findLoras(
  wanted: readonly LoraRef[],
  modelDir: string,
  others: ResolveLora = anyPath,
): Promise<readonly LoraFile[]> {
  const active = wanted.filter(({ scale }) => scale !== 0);
  if (active.length === 0) return [];
  const { loras: own } = await readLoraConfig(modelDir);
  return Promise.all(
    active.map(async (lora) => {
      const ownPath = lora.name === undefined ? undefined : own[lora.name]?.path;
      const path = ownPath === undefined ? await others(lora) : resolve(modelDir, ownPath);
      return { label: loraLabel(lora), path, scale: lora.scale };
    }),
  );
}

const anyPath: ResolveLora = async (lora) => {
  if (lora.path !== undefined) return resolve(lora.path);
  throw new AppError('lora_not_found', `There is no LoRA ${loraLabel(lora)}.`);
};
