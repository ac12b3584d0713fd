import { open, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { filesIn } from './files-in.ts';
import type { ModelFile } from './model-files.ts';
import { INDEX_FILE } from './place.ts';

/** A repository that has it is a model, and its own files say which belong to it. */
export const isModelTree = (tree: readonly ModelFile[]): boolean => tree.some(({ path }) => path === INDEX_FILE);

export const isSafetensors = ({ path }: { readonly path: string }): boolean =>
  extname(path).toLowerCase() === '.safetensors';

/** Bytes in front of a header, which say how long it is. */
export const PREFIX_BYTES = 8;
/** The header of a LoRA has some hundred kilobytes. */
const MOST_HEADER_BYTES = 16_000_000;
/** `lora_A`, `lora.up`, `lora_unet_…`: a part of a tensor's name that layers of a model do not have. */
const OF_LORA = /(^|[._])lora([._]|$)/i;

/** How many bytes the beginning of a safetensors file has with its header; undefined for what is none, or has too long a header. */
export function headEnd(start: Uint8Array): number | undefined {
  const length = new DataView(start.buffer, start.byteOffset, start.byteLength).getBigUint64(0, true);
  return length <= MOST_HEADER_BYTES ? PREFIX_BYTES + Number(length) : undefined;
}

/** True if this header of a safetensors file names tensors of a LoRA. The engine checks whether it fits a model. */
export function isLoraHeader(json: Uint8Array): boolean {
  try {
    const header: unknown = JSON.parse(new TextDecoder().decode(json));
    return typeof header === 'object' && header !== null && Object.keys(header).some((name) => OF_LORA.test(name));
  } catch {
    return false;
  }
}

/** The same for a file. False for what cannot be read. */
export async function isLoraFile(path: string): Promise<boolean> {
  const handle = await open(path).catch(() => undefined);
  if (handle === undefined) return false;
  try {
    const start = new Uint8Array(PREFIX_BYTES);
    if ((await handle.read(start, 0, PREFIX_BYTES, 0)).bytesRead < PREFIX_BYTES) return false;
    const end = headEnd(start);
    if (end === undefined) return false;
    const json = new Uint8Array(end - PREFIX_BYTES);
    return (await handle.read(json, 0, json.length, PREFIX_BYTES)).bytesRead === json.length && isLoraHeader(json);
  } catch {
    return false;
  } finally {
    await handle.close();
  }
}

/** The LoRAs below a folder, by their paths from there with slashes, sorted. Of `tree` only files of the size that it lists. */
export async function loraFilesIn(dir: string, tree?: readonly ModelFile[]): Promise<readonly string[]> {
  const sizes = tree && new Map(tree.map(({ path, size }) => [path, size]));
  const found = (await filesIn(dir))
    .map(({ path, size }) => ({ path: relative(dir, path).split(sep).join('/'), size }))
    .filter((file) => isSafetensors(file) && (sizes === undefined || sizes.get(file.path) === file.size));
  const are = await Promise.all(found.map(({ path }) => isLoraFile(join(dir, path))));
  return found
    .filter((_, i) => are[i] === true)
    .map(({ path }) => path)
    .sort();
}

/**
 * The LoRAs of a folder that is no model's; undefined for a model. The list of the hub says what a repository is; without one, what lies there
 * does.
 */
export async function lorasOf(dir: string, tree?: readonly ModelFile[]): Promise<readonly string[] | undefined> {
  if (tree !== undefined) return isModelTree(tree) ? undefined : loraFilesIn(dir, tree);
  const isModel = (await stat(join(dir, INDEX_FILE)).catch(() => undefined)) !== undefined;
  const loras = isModel ? [] : await loraFilesIn(dir);
  return loras.length > 0 ? loras : undefined;
}
