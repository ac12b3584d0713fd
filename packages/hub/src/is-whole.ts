import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isModelTree, isSafetensors, loraFilesIn } from './lora-files.ts';
import { isNeeded } from './model-files.ts';
import { INDEX_FILE } from './place.ts';
import { readTree } from './tree-file.ts';

/**
 * Names of files that are missing in a folder, or have another size than the hub lists. [] if the model is whole. A repository of LoRAs is
 * whole with one of them, as nobody needs all.
 */
export async function missingFiles(dir: string, bookkeeping: string, commit: string): Promise<string[]> {
  const tree = await readTree(bookkeeping, commit);
  if (tree === undefined) return missingByIndex(dir);
  if (!isModelTree(tree)) {
    const loras = await loraFilesIn(dir, tree);
    return loras.length > 0 ? [] : tree.filter(isSafetensors).map(({ path }) => path);
  }
  const needed = tree.filter(isNeeded);
  const found = await Promise.all(needed.map(async ({ path, size }) => (await sizeOf(dir, path)) === size));
  return needed.filter((_, i) => found[i] !== true).map(({ path }) => path);
}

export async function isWhole(dir: string, bookkeeping: string, commit: string): Promise<boolean> {
  return (await missingFiles(dir, bookkeeping, commit)).length === 0;
}

const indexSchema = z.record(z.string(), z.unknown());
const componentSchema = z.tuple([z.string(), z.string()]);
const shardsSchema = z.object({ weight_map: z.record(z.string(), z.string()) });
/** Components without weights. */
const NO_WEIGHTS = /Scheduler|Tokenizer|Processor|FeatureExtractor/;

/**
 * The same for a folder that nobody has left a list of: what `model_index.json` and the indexes of the weights name. Files that are cut
 * short are not found in this way.
 */
async function missingByIndex(dir: string): Promise<string[]> {
  const index = indexSchema.safeParse(await readJson(join(dir, INDEX_FILE))).data;
  if (index === undefined) return (await loraFilesIn(dir)).length > 0 ? [] : [INDEX_FILE];
  const components = Object.entries(index).flatMap(([name, value]) => {
    const component = componentSchema.safeParse(value).data;
    return component === undefined || name.startsWith('_') ? [] : [{ name, className: component[1] }];
  });
  return (await Promise.all(components.map(({ name, className }) => missingOfComponent(dir, name, className)))).flat();
}

async function missingOfComponent(dir: string, name: string, className: string): Promise<string[]> {
  const files = await readdir(join(dir, name)).catch((): string[] => []);
  if (files.length === 0) return [`${name}/`];
  if (NO_WEIGHTS.test(className)) return [];
  if (!files.includes('config.json')) return [`${name}/config.json`];
  const indexes = files.filter((file) => file.endsWith('.safetensors.index.json'));
  const named = new Set<string>();
  for (const file of indexes) {
    const shards = shardsSchema.safeParse(await readJson(join(dir, name, file))).data;
    if (shards === undefined) return [`${name}/${file}`];
    for (const shard of Object.values(shards.weight_map)) named.add(`${name}/${shard}`);
  }
  if (indexes.length === 0) {
    const [weights = 'diffusion_pytorch_model.safetensors'] = files.filter((file) => file.endsWith('.safetensors'));
    named.add(`${name}/${weights}`);
  }
  const sizes = await Promise.all([...named].map(async (path) => ({ path, size: await sizeOf(dir, path) })));
  return sizes.filter(({ size }) => size === undefined || size === 0).map(({ path }) => path);
}

/** Follows links; one that leads nowhere is no file. */
async function sizeOf(dir: string, path: string): Promise<number | undefined> {
  const found = await stat(join(dir, path)).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
