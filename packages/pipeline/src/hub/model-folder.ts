import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { dirname, join, parse, sep } from 'node:path';
import { AppError, type ModelCard } from '@qwen-edit/contract';
import { z } from 'zod';
import { weightsDigest } from '../weights/digest.ts';
import { openWeights } from '../weights/open-weights.ts';
import { FETCH_MISSING, ONE_REVISION } from '../weights/remedies.ts';
import { readJsonFile } from '../weights/text-file.ts';
import type { Weights } from '../weights/weights.ts';
import { type EditConfig, resolveEditConfig } from './edit-config.ts';
import { type Family, familySchema, PIPELINES } from './families.ts';
import { foreignPipeline } from './foreign-pipelines.ts';
import { identifyForeign } from './identify-foreign.ts';
import { presetsOf } from './known-presets.ts';
import { readModelCard } from './model-card.ts';
import { modelNameOf } from './model-name.ts';
import { type ProcessorConfig, processorSchema } from './processor-config.ts';
import { checkConfig, readRequiredJson } from './read-json.ts';
import { type SchedulerConfig, schedulerSchema } from './scheduler-config.ts';
import { type TextEncoderConfig, textEncoderSchema } from './text-encoder-config.ts';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.ts';
import { type TransformerConfig, transformerSchema } from './transformer-config.ts';
import { type VaeConfig, vaeSchema } from './vae-config.ts';

/** A checkpoint in Hugging Face layout, its configurations and its weights' headers read and checked. */
export interface ModelFolder {
  readonly name: string;
  /** Digest of configurations and weights; two folders with the same digest make the same pictures. */
  readonly digest: string;
  /** Folder below which all weight files lie, links resolved. */
  readonly root: string;
  /** What its pipeline class decides. */
  readonly family: Family;
  readonly edit: EditConfig;
  /** What people are told about the model, if the folder has a model_card.json. */
  readonly card: ModelCard | undefined;
  readonly scheduler: SchedulerConfig;
  readonly processor: ProcessorConfig;
  readonly tokenizer: TokenizerFiles;
  readonly textEncoder: { readonly config: TextEncoderConfig; readonly weights: Weights };
  readonly transformer: { readonly config: TransformerConfig; readonly weights: Weights };
  readonly vae: { readonly config: VaeConfig; readonly weights: Weights };
}

/**
 * Opens a model folder: model_index.json, scheduler, text_encoder, tokenizer, processor, transformer, vae.
 * Throws AppError `model_not_found`, `model_incomplete`, `model_corrupt` or `model_unsupported`.
 */
export async function openModelFolder(dir: string): Promise<ModelFolder> {
  const family = await readModelIndex(dir);
  const jsons: unknown[] = [];
  const config = async <T>(schema: z.ZodType<T>, file: string): Promise<T> => {
    const json = await readRequiredJson(dir, file);
    jsons.push(file, json);
    return checkConfig(schema, json, file);
  };
  const editJson = (await readJsonFile(dir, 'edit_config.json')) ?? {};
  const card = await readModelCard(dir);
  const textEncoder = await config(textEncoderSchema, 'text_encoder/config.json');
  const transformer = await config(transformerSchema, 'transformer/config.json');
  const vae = await config(vaeSchema, 'vae/config.json');
  const scheduler = await config(schedulerSchema, 'scheduler/scheduler_config.json');
  const processor = await readProcessor(dir);
  const tokenizer = await readTokenizer(dir);
  checkFit(textEncoder, transformer, vae, processor);
  const said = withDemoOfCard(resolveEditConfig(editJson, family), card);
  const edit = { ...said, presets: presetsOf(said.presets, { family, transformer, scheduler, demo: said.demo }) };

  const weights = {
    text_encoder: await openWeights(join(dir, 'text_encoder'), 'model'),
    transformer: await openWeights(join(dir, 'transformer'), 'diffusion_pytorch_model'),
    vae: await openWeights(join(dir, 'vae'), 'diffusion_pytorch_model'),
  };
  const all = Object.values(weights);
  const digest = createHash('sha256').update(
    JSON.stringify([...jsons, ...family.digested, editJson, processor, tokenizer]),
  );
  for (const component of all) digest.update(weightsDigest(component));

  return {
    name: modelNameOf(await realpath(dir)),
    digest: `sha256:${digest.digest('hex')}`,
    root: commonFolder(all.flatMap((component) => [...component.tensors.values()].map((info) => info.path))),
    family,
    edit,
    card,
    scheduler,
    processor,
    tokenizer,
    textEncoder: { config: textEncoder, weights: weights.text_encoder },
    transformer: { config: transformer, weights: weights.transformer },
    vae: { config: vae, weights: weights.vae },
  };
}

/** Checks model_index.json. Throws what a path is that has none, or one of another kind of model: see identifyForeign. */
export async function readModelIndex(dir: string): Promise<Family> {
  const isFolder = await stat(dir).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
  const index = isFolder ? await readJsonFile(dir, 'model_index.json') : undefined;
  if (index === undefined)
    throw (await identifyForeign(dir)) ?? new AppError('model_not_found', `${dir} is not a model folder.`);
  const foreign = foreignPipeline(index, PIPELINES);
  if (foreign !== undefined) throw foreign;
  return checkConfig(familySchema, index, 'model_index.json');
}

/** Either file may say that this is a demo model. */
function withDemoOfCard(edit: EditConfig, card: ModelCard | undefined): EditConfig {
  return { ...edit, demo: edit.demo || card?.demo === true };
}

export async function readTokenizer(dir: string): Promise<TokenizerFiles> {
  const files = (await readTokenizerFiles(dir, 'processor')) ?? (await readTokenizerFiles(dir, 'tokenizer'));
  if (files !== undefined) return files;
  throw new AppError('model_incomplete', 'tokenizer/tokenizer.json is missing, and so is vocab.json.', {
    hint: FETCH_MISSING,
  });
}

export async function readProcessor(dir: string): Promise<ProcessorConfig> {
  const old = await readJsonFile(dir, 'processor/preprocessor_config.json');
  if (old !== undefined) return checkConfig(processorSchema, old, 'processor/preprocessor_config.json');
  const json = await readRequiredJson(dir, 'processor/processor_config.json');
  return checkConfig(z.looseObject({ image_processor: processorSchema }), json, 'processor/processor_config.json')
    .image_processor;
}

/** Components have to agree on the shape of what one passes to the next. */
export function checkFit(
  text: TextEncoderConfig,
  transformer: TransformerConfig,
  vae: VaeConfig,
  processor: ProcessorConfig,
): void {
  const refuse = (what: string): never => {
    throw new AppError('model_unsupported', `The parts of this model do not fit together: ${what}.`, {
      hint: ONE_REVISION,
    });
  };
  if (transformer.joint_attention_dim !== text.text.hidden_size)
    refuse('joint_attention_dim is not the hidden_size of the text encoder');
  if (transformer.in_channels !== 4 * vae.z_dim)
    refuse('in_channels of the transformer is not 4 times z_dim of the VAE');
  const { vision } = text;
  if (processor.patch_size !== vision.patch_size) refuse('patch_size of the processor and of the vision tower');
  if (processor.merge_size !== vision.spatial_merge_size)
    refuse('merge_size of the processor and spatial_merge_size of the vision tower');
  if (processor.temporal_patch_size !== vision.temporal_patch_size)
    refuse('temporal_patch_size of the processor and of the vision tower');
}

/** Longest folder that all paths share. */
export function commonFolder(paths: readonly string[]): string {
  const [first = '', ...rest] = [...new Set(paths.map((path) => dirname(path)))];
  const { root } = parse(first);
  const parts = first.slice(root.length).split(sep);
  const shared = parts.findIndex((_, i) => {
    const prefix = root + parts.slice(0, i + 1).join(sep) + sep;
    return rest.some((folder) => !(folder + sep).startsWith(prefix));
  });
  return root + parts.slice(0, shared === -1 ? parts.length : shared).join(sep);
}
