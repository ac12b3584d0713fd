import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { type DownloadContext, receive } from './download-file.ts';
import { headEnd, isLoraFile, isLoraHeader, isSafetensors, PREFIX_BYTES } from './lora-files.ts';
import { type ModelFile, matchesAny } from './model-files.ts';
import { refText } from './model-ref.ts';
import type { ModelPlace } from './place.ts';
import type { Sink } from './transfer.ts';

export interface LoraChoice {
  /** The one file that is wanted. */
  readonly file?: string | undefined;
  readonly include?: readonly string[] | undefined;
}

/**
 * Those files of a repository that are LoRAs, and are wanted. Of one that is not here its header alone is asked for: such repositories also
 * have whole models, of tens of gigabytes. Throws AppError `lora_not_found` for a file that the repository has not, `lora_invalid` for one
 * that is no LoRA, `model_unsupported` for a repository without any.
 */
export async function chooseLoraFiles(
  tree: readonly ModelFile[],
  { file, include = [] }: LoraChoice,
  place: Pick<ModelPlace, 'dir'>,
  context: DownloadContext,
): Promise<readonly ModelFile[]> {
  const repo = refText(context.ref);
  const candidates = tree.filter(isSafetensors);
  const wanted = candidates.filter(
    ({ path }) => (file === undefined || path === file) && (include.length === 0 || matchesAny(path, include)),
  );
  if (file !== undefined && wanted.length === 0)
    throw new AppError('lora_not_found', `${repo} has no file ${file}.`, { hint: fileList(candidates) });
  const loras: ModelFile[] = [];
  for (const each of wanted)
    if ((await isLoraFile(join(place.dir, each.path))) || (await hasLoraHeader(each, context))) loras.push(each);
  if (loras.length > 0) return loras;
  if (file !== undefined)
    throw new AppError('lora_invalid', `${file} of ${repo} is no LoRA: none of its tensors has lora in its name.`);
  if (include.length > 0 && wanted.length === 0)
    throw new AppError('usage', `${repo} has no .safetensors file that matches ${include.join(' or ')}.`, {
      hint: fileList(candidates),
    });
  throw new AppError(
    'model_unsupported',
    `${repo} is neither a model nor a LoRA: it has no model_index.json, and ${candidates.length === 0 ? 'no .safetensors file' : 'none of its .safetensors files is a LoRA'}.`,
    {
      hint: 'Name a model in the layout of diffusers, as Qwen/Qwen-Image-Edit-2511, or a repository with LoRAs for it.',
    },
  );
}

const MOST_NAMES = 12;

function fileList(files: readonly ModelFile[]): string {
  if (files.length === 0) return 'It has no .safetensors file at all.';
  const more = files.length > MOST_NAMES ? `, and ${files.length - MOST_NAMES} more` : '';
  return `It has ${files
    .slice(0, MOST_NAMES)
    .map(({ path }) => path)
    .join(', ')}${more}.`;
}

/** Reads the header of a file on the hub, and no more than came along with it. Errors as of downloadFile. */
async function hasLoraHeader(file: ModelFile, context: DownloadContext): Promise<boolean> {
  const chunks: Uint8Array[] = [];
  let got = 0;
  let end = Math.min(PREFIX_BYTES, file.size);
  const known = (): Uint8Array => Buffer.concat(chunks);
  const sink: Sink = {
    // A file that is said to be whole is read no further.
    get length() {
      return got >= end ? file.size : got;
    },
    async append(bytes) {
      chunks.push(Uint8Array.from(bytes));
      got += bytes.length;
      if (end === PREFIX_BYTES && got >= PREFIX_BYTES) end = Math.min(headEnd(known()) ?? PREFIX_BYTES, file.size);
    },
  };
  if (!(await receive(file, sink, context)) || got < PREFIX_BYTES) return false;
  return isLoraHeader(known().subarray(PREFIX_BYTES, end));
}
