import { delimiter } from 'node:path';
import { AppError, loraNameSchema, loraOfText } from '@qwen-edit/contract';

/** A repository of the hub that has LoRAs, and which of them. */
export interface LoraRepository {
  readonly repo: string;
  readonly file?: string | undefined;
}

/** Where a LoRA is: a file, or a repository of the hub that was pulled. */
export type LoraPlace = { readonly path: string } | LoraRepository;

/** What whoever runs the service allows. */
export interface AllowedLoras {
  /** LoRAs that requests may name, and where they are. */
  readonly named: ReadonlyMap<string, LoraPlace>;
  /** Repositories that requests may name; with a file no other. */
  readonly repos: readonly LoraRepository[];
}

/**
 * Reads QWEN_EDIT_LORAS: `name=PLACE,...`, and places of the hub alone, which allow a repository or a file of it. Throws AppError `usage`.
 *
 * @example
 * parseAllowedLoras('sketch=/loras/sketch.safetensors,lightx2v/Qwen-Image-Edit-2511-Lightning')
 */
export function parseAllowedLoras(text: string): AllowedLoras {
  const named = new Map<string, LoraPlace>();
  const repos: LoraRepository[] = [];
  for (const entry of text.split(',').map((each) => each.trim())) {
    if (entry === '') continue;
    const [, said, rest] = /^([^=/\\]+)=(.*)$/s.exec(entry) ?? [];
    const place = placeOf(rest ?? entry);
    if (said === undefined) {
      if (place === undefined || 'path' in place)
        throw new AppError('usage', `'${entry}' must be NAME=PLACE, or a repository of the hub as OWNER/NAME.`);
      repos.push(place);
      continue;
    }
    const name = said.trim();
    const isName = loraNameSchema.safeParse(name);
    if (!isName.success) throw new AppError('usage', `'${name}' ${isName.error.issues[0]?.message ?? 'is no name'}.`);
    if (place === undefined)
      throw new AppError('usage', `'${rest}' is neither a path nor a repository of the hub as OWNER/NAME[:FILE].`);
    if (named.has(name)) throw new AppError('usage', `'${name}' is there twice.`);
    named.set(name, place);
  }
  return { named, repos };
}

function placeOf(text: string): LoraPlace | undefined {
  // The scale is cut off at the last @, which a path may have too.
  const { path, repo, file } = loraOfText(`${text.trim()}@1`);
  if (typeof path === 'string') return { path };
  if (typeof repo !== 'string') return undefined;
  return typeof file === 'string' ? { repo, file } : { repo };
}

/** Folders with the system's separator between them, as in PATH. */
export const parseLoraDirs = (text: string): readonly string[] =>
  text
    .split(delimiter)
    .map((each) => each.trim())
    .filter((each) => each !== '');
