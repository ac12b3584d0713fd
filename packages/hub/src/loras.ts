import { realpath, stat } from 'node:fs/promises';
import { extname, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { AppError, didYouMean, type LoraRef, loraLabel, nearestOf } from '@qwen-edit/contract';
import { findPulledLora } from './find-lora.ts';
import type { AllowedLoras, LoraRepository } from './lora-settings.ts';
import type { HubSettings } from './settings.ts';

/** The LoRAs that a model names itself, and its folder. */
export interface LorasOfModel {
  readonly dir: string;
  readonly loras: readonly LoraRef[];
}

/** What `createResolveLora` allows. */
export interface LoraSettings extends AllowedLoras {
  /** Folders below which requests may name files. */
  readonly dirs: readonly string[];
  /** LoRAs of every edit, as the settings name them: allowed as they stand there. */
  readonly fixed?: readonly LoraRef[] | undefined;
  /** LoRAs that the model's own presets and its edit_config.json name, with paths from the folder of the model. */
  readonly ofModel?: (() => Promise<LorasOfModel>) | undefined;
  /** True for a command that runs on its user's behalf: every file and every pulled repository is allowed. */
  readonly anything?: boolean | undefined;
}

/**
 * Finds the file of a LoRA, if it may be used; the promise is its absolute path. Rejects with AppError `lora_refused` for a place that is not
 * allowed, whether or not something is there, and `lora_not_found` for one that is allowed and has no file.
 */
export function createResolveLora(
  settings: LoraSettings,
  hub: Pick<HubSettings, 'cacheDir'>,
): (lora: LoraRef) => Promise<string> {
  return async (lora) => {
    const { name, path, repo, file } = lora;
    if (name !== undefined) return fileNamed(settings, name, hub);
    const isFixed = settings.fixed?.some((each) => isSamePlace(each, lora)) === true;
    const isFree = settings.anything === true || isFixed;
    if (repo !== undefined) {
      const isAllowed =
        isFree || isAllowedRepo(settings, { repo, file }) || (await ofModel(settings, lora)) !== undefined;
      if (!isAllowed) throw refused(lora);
      return findPulledLora({ repo, file }, hub);
    }
    if (path === undefined) throw new AppError('lora_not_found', 'A LoRA has no name, no path and no repo.');
    const modelDir = isBelow(normalize(path)) ? (await ofModel(settings, lora))?.dir : undefined;
    if (modelDir !== undefined && (!isFree || (await isFile(join(modelDir, path)))))
      return ownFile(join(modelDir, path), path);
    return isFree ? ownFile(resolve(path), path) : fileBelow(settings.dirs, path);
  };
}

/** The model, if it names this LoRA itself. */
async function ofModel(settings: LoraSettings, lora: LoraRef): Promise<LorasOfModel | undefined> {
  const model = await settings.ofModel?.();
  return model?.loras.some((each) => isSamePlace(each, lora)) === true ? model : undefined;
}

const isSamePlace = (a: LoraRef, b: LoraRef): boolean =>
  a.name === b.name && a.path === b.path && a.repo === b.repo && a.file === b.file;

/** Whoever runs the service wrote the place: its path is taken as it is, and told to nobody. */
async function fileNamed({ named }: LoraSettings, name: string, hub: Pick<HubSettings, 'cacheDir'>): Promise<string> {
  const place = named.get(name);
  if (place === undefined)
    throw new AppError('lora_not_found', `There is no LoRA ${name}.${didYouMean(nearestOf(name, named.keys()))}`);
  return 'path' in place ? ownFile(resolve(place.path), `${name}: its file is gone`) : findPulledLora(place, hub);
}

function isAllowedRepo({ named, repos }: LoraSettings, wanted: LoraRepository): boolean {
  const places = [...repos, ...[...named.values()].filter((place) => 'repo' in place)];
  return places.some(({ repo, file }) => repo === wanted.repo && (file === undefined || file === wanted.file));
}

const isBelow = (path: string): boolean =>
  !isAbsolute(path) && path !== '..' && !path.startsWith(`..${sep}`) && !path.startsWith('../');

/** A file that needs no permission. Links are kept, so that it has its own name. */
async function ownFile(path: string, said: string): Promise<string> {
  if (await isFile(path)) return path;
  throw notThere(said);
}

/** A file below one of the folders. What leads out of them is refused before anybody looks whether it is there. */
async function fileBelow(dirs: readonly string[], said: string): Promise<string> {
  if (extname(said).toLowerCase() !== '.safetensors') throw refused({ path: said });
  const candidates = dirs
    .map((dir) => ({ dir, path: resolve(dir, said) }))
    .filter(({ dir, path }) => isBelow(relative(resolve(dir), path)));
  if (candidates.length === 0) throw refused({ path: said });
  for (const { dir, path } of candidates) {
    const [root, real] = await Promise.all([realpath(dir), realpath(path)]).catch(() => []);
    if (root === undefined || real === undefined || !(await isFile(real))) continue;
    if (!isBelow(relative(root, real))) throw refused({ path: said });
    return real;
  }
  throw notThere(said);
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );

const notThere = (said: string): AppError => new AppError('lora_not_found', `There is no LoRA ${said}.`);

function refused(lora: Omit<LoraRef, 'scale'>): AppError {
  return new AppError('lora_refused', `The LoRA ${loraLabel(lora)} may not be used here.`);
}
