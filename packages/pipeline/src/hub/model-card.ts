import { type ModelCard, modelCardSchema } from '@qwen-edit/contract';
import { readJsonFile } from '../weights/text-file.ts';
import { checkConfig } from './read-json.ts';

const FILE = 'model_card.json';
const HINT =
  'Correct the named key of model_card.json, or remove the file; docs/model-folder.md lists what each may be.';

/**
 * model_card.json, which a checkpoint may carry beside model_index.json: what people are told about the model. undefined
 * if there is no such file; other keys are ignored. Throws AppError `model_corrupt` or `model_unsupported`, naming the key.
 */
export async function readModelCard(dir: string): Promise<ModelCard | undefined> {
  const json = await readJsonFile(dir, FILE);
  return json === undefined ? undefined : resolveModelCard(json);
}

export function resolveModelCard(json: unknown): ModelCard {
  return checkConfig(modelCardSchema, json, FILE, HINT);
}
