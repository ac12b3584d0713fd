import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { textEncoderSchema } from '../src/hub/text-encoder-config.ts';
import { transformerSchema } from '../src/hub/transformer-config.ts';
import { vaeSchema } from '../src/hub/vae-config.ts';
import { type TensorList, textEncoderTensors, transformerTensors, vaeTensors } from '../src/plan/checkpoint-tensors.ts';
import { createRandomWeights, type Planted, type RandomDtype, type RandomWeights } from './random-weights.ts';

/** What of a made-up Qwen-Image-Edit-2511 is as large as in the released one. All else is always as released. */
export interface TrueSize {
  /** Blocks of the transformer. */
  readonly layers: number;
  /** Heads of 128 channels that its width has. */
  readonly heads: number;
  readonly textLayers: number;
  readonly visionLayers: number;
  /** Words that the text encoder has embeddings for. The tokenizer, the demo model's, uses the first 2048. */
  readonly vocabulary: number;
  /** base_dim of the VAE. */
  readonly vaeWidth: number;
  readonly dtype: RandomDtype;
  /** Give blocks that have the same shapes the same values, which the disk then holds once if its file system can. */
  readonly linked: boolean;
}

/** The released size: 57 GB in bf16. */
export const RELEASED: TrueSize = {
  layers: 60,
  heads: 24,
  textLayers: 28,
  visionLayers: 32,
  vocabulary: 152_064,
  vaeWidth: 96,
  dtype: 'BF16',
  linked: false,
};

/** As little as fits around what is measured: a narrow transformer, one text layer, a small VAE; 0.6 GB in bf16. */
export const SMALLEST: TrueSize = {
  ...RELEASED,
  layers: 1,
  heads: 1,
  textLayers: 1,
  visionLayers: 1,
  vocabulary: 2048,
  vaeWidth: 8,
};

/** Four channels of the transformer's streams that are far larger than the others, as trained ones have. */
const OUTLIERS = [
  [5, 5.6],
  [700, -5.6],
  [1501, 5.6],
  [2900, 5.6],
] as const;

const ROOT = join(import.meta.dirname, '../../..');
const json = z.record(z.string(), z.unknown());
const releasedSchema = z.object({
  shared: z.object({
    scheduler: json,
    vae: json,
    text_encoder: json.and(z.object({ text_config: json, vision_config: json })),
    preprocessor: json,
  }),
  releases: z.object({ 'Qwen/Qwen-Image-Edit-2511': z.object({ pipeline: z.string(), transformer: json }) }),
});

/**
 * Writes a model folder in the layout of Qwen-Image-Edit-2511, its configurations as released where `size` does not say
 * otherwise, with made-up weights. Each block has two files, one of its modulations and one of all else. Returns the bytes of
 * all weights.
 */
export async function writeTrueSize(dir: string, size: TrueSize): Promise<number> {
  const { shared, releases } = releasedSchema.parse(
    JSON.parse(await readFile(join(ROOT, 'test/fixtures/released-configs.json'), 'utf8')),
  );
  const { pipeline, transformer } = releases['Qwen/Qwen-Image-Edit-2511'];
  const save = async (folder: string, file: string, value: unknown): Promise<void> => {
    await mkdir(join(dir, folder), { recursive: true });
    await writeFile(join(dir, folder, file), `${JSON.stringify(value, null, 2)}\n`);
  };
  const configs = {
    transformer: { ...transformer, num_layers: size.layers, num_attention_heads: size.heads },
    text_encoder: textConfig(shared.text_encoder, size),
    vae: { ...shared.vae, base_dim: size.vaeWidth },
  };
  await save('', 'model_index.json', { _class_name: pipeline });
  await save('scheduler', 'scheduler_config.json', shared.scheduler);
  await save('processor', 'preprocessor_config.json', shared.preprocessor);
  for (const [component, config] of Object.entries(configs)) await save(component, 'config.json', config);
  await mkdir(join(dir, 'tokenizer'), { recursive: true });
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    await copyFile(join(ROOT, 'packages/demo-model/tokenizer', file), join(dir, 'tokenizer', file));

  const weights = createRandomWeights(size.dtype);
  const outliers = OUTLIERS.filter(([channel]) => channel < size.heads * 128);
  const write = (component: string, stem: string, tensors: TensorList, planted?: Planted): Promise<number> =>
    writeComponent({ dir: join(dir, component), stem, weights, linked: size.linked }, tensors, planted);
  return (
    (await write(
      'transformer',
      'diffusion_pytorch_model',
      transformerTensors(transformerSchema.parse(configs.transformer)),
      new Map([['img_in.bias', outliers]]),
    )) +
    (await write('text_encoder', 'model', textEncoderTensors(textEncoderSchema.parse(configs.text_encoder)))) +
    (await write('vae', 'diffusion_pytorch_model', vaeTensors(vaeSchema.parse(configs.vae))))
  );
}

function textConfig(released: z.output<typeof releasedSchema>['shared']['text_encoder'], size: TrueSize): unknown {
  const { layer_types: _all, ...language } = released.text_config;
  const smaller = { num_hidden_layers: size.textLayers, vocab_size: size.vocabulary };
  // One block in eight attends to all of the picture, the last of the eight.
  const full = Array.from({ length: Math.floor(size.visionLayers / 8) }, (_, i) => 8 * i + 7);
  return {
    ...released,
    ...smaller,
    text_config: { ...language, ...smaller },
    vision_config: { ...released.vision_config, depth: size.visionLayers, fullatt_block_indexes: full },
  };
}

interface Component {
  readonly dir: string;
  readonly stem: string;
  readonly weights: RandomWeights;
  readonly linked: boolean;
}

async function writeComponent({ dir, stem, weights, linked }: Component, tensors: TensorList, planted?: Planted) {
  const shards = Map.groupBy(tensors, ([name]) => shardOf(name));
  const written = new Map<string, string>();
  const weight_map: Record<string, string> = {};
  let total_size = 0;
  for (const [shard, entries] of shards) {
    const file = `${stem}-${shard}.safetensors`;
    const path = join(dir, file);
    const alike = entries.map(([name]) => name.replace(/\.\d+\./, '.N.')).join();
    const model = linked ? written.get(alike) : undefined;
    const list = new Map(entries);
    total_size += model === undefined ? weights.write(path, list, planted) : weights.writeSharing(model, path, list);
    written.set(alike, path);
    for (const name of list.keys()) weight_map[name] = file;
  }
  await writeFile(
    join(dir, `${stem}.safetensors.index.json`),
    JSON.stringify({ metadata: { total_size }, weight_map }, null, 1),
  );
  return total_size;
}

/** Blocks of the transformer and layers of the language model have files of their own; the rest of a network is one file. */
function shardOf(name: string): string {
  const [, layer] = /^model\.layers\.(\d+)\./.exec(name) ?? [];
  if (layer !== undefined) return `layer-${layer.padStart(2, '0')}`;
  const [, block, rest = ''] = /^transformer_blocks\.(\d+)\.(.*)/.exec(name) ?? [];
  if (block === undefined) return name.startsWith('visual.') ? 'vision' : 'rest';
  return `block-${block.padStart(2, '0')}-${/^(img|txt)_mod\./.test(rest) ? 'mod' : 'linear'}`;
}
