import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { foreignFile } from '../weights/foreign-bytes.ts';
import { FETCH_MISSING, WHOLE_FOLDER } from '../weights/remedies.ts';
import { readSafetensorsHeader } from '../weights/safetensors.ts';
import { soleFile } from '../weights/tensor-formats.ts';
import { readJsonFile } from '../weights/text-file.ts';
import { hubCacheAt, isFile, modelsBelow, namesIn, unfinishedDownload } from './foreign-places.ts';

const COMPONENTS = ['scheduler', 'text_encoder', 'tokenizer', 'processor', 'transformer', 'vae'] as const;

const pointAt = (path: string): string => `Point --model or QWEN_EDIT_2511_DIR at ${path}.`;

/**
 * What a path is that was given as a model folder and has no model_index.json: a file, a cache, a part of a model, a model for
 * another program. The AppError says it and what to do. undefined if there is nothing at this path.
 */
export async function identifyForeign(path: string): Promise<AppError | undefined> {
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) return undefined;
  return facts.isDirectory() ? identifyFolder(path) : identifyFile(path);
}

async function identifyFile(path: string): Promise<AppError> {
  const folder = dirname(resolve(path));
  for (const place of [folder, dirname(folder)]) {
    if (await isFile(join(place, 'model_index.json')))
      return new AppError('model_not_found', `${path} is a file of a model, not its folder.`, { hint: pointAt(place) });
  }
  return (
    (await foreignModelFile(path, path)) ??
    new AppError('model_not_found', `${path} is a file, not a model folder.`, { hint: WHOLE_FOLDER })
  );
}

/** What a single file is, if it is a model, or a part of one, in some format; undefined for anything else. */
async function foreignModelFile(path: string, label: string): Promise<AppError | undefined> {
  if (path.endsWith('.onnx'))
    return new AppError('model_unsupported', `${label} is an ONNX export.`, { hint: WHOLE_FOLDER });
  const foreign = await foreignFile(path, label);
  if (foreign !== undefined || !/\.(safetensors|sft)$/.test(path)) return foreign;
  try {
    const { tensors, unsupported } = await readSafetensorsHeader(path, label);
    return soleFile([...tensors, ...[...unsupported].map(([name, dtype]) => ({ name, dtype }))], label);
  } catch (thrown) {
    return thrown instanceof AppError ? thrown : undefined;
  }
}

async function identifyFolder(dir: string): Promise<AppError> {
  const names = await namesIn(dir);
  const notFound = (message: string, hint: string): AppError => new AppError('model_not_found', message, { hint });
  if (names.length === 0) return notFound(`${dir} is not a model folder: it is empty.`, WHOLE_FOLDER);

  const cache = await hubCacheAt(dir, names);
  if (cache !== undefined) {
    const [first, ...others] = cache.snapshots;
    if (first === undefined)
      return new AppError('model_incomplete', `${dir} is a cache of Hugging Face that holds no whole model.`, {
        hint: FETCH_MISSING,
      });
    const more = others.length === 0 ? '' : ` (of ${cache.snapshots.length} that are there)`;
    return notFound(
      `${dir} is a cache of Hugging Face, which holds models in folders of their own.`,
      `${pointAt(first)}${more}`,
    );
  }
  const [below, ...others] = await modelsBelow(dir, names);
  if (below !== undefined) {
    const also = others.map((path) => ` or ${basename(path)}`).join('');
    return notFound(`${dir} is not a model folder itself: ${basename(below)}${also} in it is one.`, pointAt(below));
  }
  return (await identifyParts(dir, names)) ?? notFound(`${dir} is not a model folder.`, WHOLE_FOLDER);
}

/** A folder that holds a model of another kind, or a part of one. */
async function identifyParts(dir: string, names: readonly string[]): Promise<AppError | undefined> {
  const unfinished = await unfinishedDownload(dir, names);
  if (unfinished !== undefined)
    return new AppError('model_incomplete', `${dir} holds a download that did not finish: ${unfinished}.`, {
      hint: FETCH_MISSING,
    });
  const config = rootConfigSchema.safeParse(await readJsonFile(dir, 'config.json', join(dir, 'config.json')));
  const part = config.data?._class_name ?? config.data?.architectures?.[0];
  const whole = await isFile(join(dir, '..', 'model_index.json'));
  if (whole)
    return new AppError('model_not_found', `${dir} is one part of a model${part === undefined ? '' : ` (${part})`}.`, {
      hint: pointAt(dirname(resolve(dir))),
    });
  if (names.includes('adapter_config.json'))
    return new AppError('model_unsupported', `${dir} is a LoRA of PEFT, which changes a model and is none itself.`, {
      hint: WHOLE_FOLDER,
    });
  const parts = COMPONENTS.filter((name) => names.includes(name));
  if (parts.length > 0) {
    const missing = ['model_index.json', ...COMPONENTS.filter((name) => !names.includes(name))];
    return new AppError(
      'model_incomplete',
      `${dir} holds only a part of a model: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing.`,
      { hint: FETCH_MISSING },
    );
  }
  if (names.some((name) => ['diffusion_models', 'text_encoders', 'split_files'].includes(name)))
    return new AppError('model_unsupported', `${dir} is laid out for ComfyUI.`, { hint: WHOLE_FOLDER });
  // Shards of a model that says itself what it is are no single files.
  const files = names.filter((name) => MODEL_FILE.test(name) && (part === undefined || !name.endsWith('.safetensors')));
  for (const name of files.slice(0, FILES_LOOKED_AT)) {
    const foreign = await foreignModelFile(join(dir, name), join(dir, name));
    if (foreign !== undefined) return foreign;
  }
  if (part === undefined) return undefined;
  return new AppError('model_unsupported', `${dir} is a model of its own kind (${part}), not an editing pipeline.`, {
    hint: WHOLE_FOLDER,
  });
}

/** Files that may hold a model; a folder of somebody's downloads has many others. */
const MODEL_FILE = /\.(safetensors|sft|gguf|onnx|bin|pt|pth|ckpt|zip|tar|tgz|gz|7z|rar)$/;
const FILES_LOOKED_AT = 100;

const rootConfigSchema = z.looseObject({
  _class_name: z.string().optional(),
  architectures: z.array(z.string()).optional(),
});
