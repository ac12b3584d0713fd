import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';
import { foreignFile } from './foreign-bytes.ts';
import { FETCH_AGAIN, FETCH_MISSING, FULL_PRECISION } from './remedies.ts';
import { readJsonFile } from './text-file.ts';

/** What the index of a component's shards says. */
export interface ShardIndex {
  /** `transformer/x.safetensors.index.json` */
  readonly file: string;
  /** The file of each tensor, by the tensor's name. */
  readonly weightMap: Readonly<Record<string, string>>;
  /** Bytes of all tensors, if the index says so. */
  readonly totalSize: number | undefined;
}

const indexSchema = z.object({
  weight_map: z.record(z.string(), z.string()),
  metadata: z
    .object({ total_size: z.number().optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

/** The file that a component's weights begin with. */
export interface MainFile {
  /** A plain file name. */
  readonly name: string;
  /** Whether it is the index of shards, and not the weights themselves. */
  readonly isIndex: boolean;
}

/**
 * Finds the main weight file of a component: `<stem>.safetensors` or the index `<stem>.safetensors.index.json`; where there is
 * neither, that of the one variant that is there (`<stem>.bf16.safetensors`, `<stem>.safetensors.index.bf16.json`), which is
 * what save_pretrained(…, variant='bf16') writes. Throws AppError `model_incomplete` or `model_unsupported`, which says what the
 * component has instead.
 */
export async function findMainFile(dir: string, stem: string, component: string): Promise<MainFile> {
  const names = await readdir(dir).catch((): string[] => []);
  const single = `${stem}.safetensors`;
  const index = `${single}.index.json`;
  if (names.includes(index)) return { name: index, isIndex: true };
  if (names.includes(single)) return { name: single, isIndex: false };

  const variants = new Map(names.flatMap((name) => variantOf(name, stem)));
  const [first, ...others] = [...variants];
  if (first === undefined) throw await noWeights(dir, names, component, single);
  const [variant, name] = first;
  if (others.length > 0) {
    throw new AppError(
      'model_unsupported',
      `${component} holds the variants ${[...variants.keys()].join(' and ')}, and no ${single}.`,
      { hint: `Rename the one to use, such as ${name} to ${name.replace(`.${variant}.`, '.')}.` },
    );
  }
  return { name, isIndex: name.endsWith('.json') };
}

/** The index `name` of a component. Throws AppError `model_corrupt`. */
export async function readShardIndex(dir: string, name: string, component: string): Promise<ShardIndex> {
  const file = `${component}/${name}`;
  const parsed = indexSchema.safeParse(await readJsonFile(dir, name, file));
  if (!parsed.success) throw new AppError('model_corrupt', `${file} has no weight_map.`, { hint: FETCH_AGAIN });
  return { file, weightMap: parsed.data.weight_map, totalSize: parsed.data.metadata?.total_size };
}

/** [variant, file] if `name` is the file or the index of a variant. An index comes before a file: it is looked up later. */
function variantOf(name: string, stem: string): [string, string][] {
  const single = new RegExp(`^${stem}\\.([\\w]+)\\.safetensors$`).exec(name);
  const index = new RegExp(`^${stem}\\.safetensors\\.index\\.([\\w]+)\\.json$`).exec(name);
  const variant = single?.[1] ?? index?.[1];
  return variant === undefined ? [] : [[variant, name]];
}

/** Why a component has no weights that can be read: what it has instead, if that is recognised. */
async function noWeights(dir: string, names: readonly string[], component: string, wanted: string): Promise<AppError> {
  const pickle = names.find((name) => /\.(bin|pt|pth|ckpt)$/.test(name) || /\.bin\.index\.json$/.test(name));
  if (pickle !== undefined)
    return new AppError(
      'model_unsupported',
      `${component} has its weights as PyTorch files (pickles), such as ${pickle}. Reading one can run any code, so they are not read.`,
      {
        hint: `Use the .safetensors files of the same checkpoint, or save it with save_pretrained(…, safe_serialization=True).`,
      },
    );
  const onnx = names.find((name) => name.endsWith('.onnx'));
  if (onnx !== undefined)
    return new AppError('model_unsupported', `${component} is an ONNX export: ${onnx}.`, {
      hint: `Graphs are made here, from the .safetensors files. ${FULL_PRECISION}`,
    });
  const gguf = names.find((name) => name.endsWith('.gguf'));
  if (gguf !== undefined)
    return (
      (await foreignFile(join(dir, gguf), `${component}/${gguf}`)) ??
      new AppError('model_unsupported', `${component}/${gguf} is a GGUF file.`, { hint: FULL_PRECISION })
    );
  return new AppError('model_incomplete', `${component}/${wanted} is missing.`, { hint: FETCH_MISSING });
}

/**
 * The real path of a weight file. Its name must be a plain file name: an index cannot point out of the folder. Links are
 * followed, as in Hugging Face's cache. Throws AppError `model_corrupt` or `model_incomplete`.
 */
export async function locateWeightFile(dir: string, file: string, component: string): Promise<string> {
  if (file === '' || file === '.' || file === '..' || /[/\\\0]/.test(file)) {
    throw new AppError(
      'model_corrupt',
      `${component}: the index names ${JSON.stringify(file)}, which is no file of this folder.`,
      { hint: 'Take the index from the source of the model: it names files of its own folder only.' },
    );
  }
  const path = join(dir, file);
  const isFile = await stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
  if (!isFile) throw new AppError('model_incomplete', `${component}/${file} is missing.`, { hint: FETCH_MISSING });
  return realpath(path);
}
