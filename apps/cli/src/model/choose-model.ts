import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import type { HubSettings } from '@qwen-edit/hub';
import { isModelRef, type ModelRef, parseModelRef, refText } from '@qwen-edit/hub/model-ref';
import type { Config } from '../settings.ts';

/** A folder on this machine. */
export interface ChosenFolder {
  readonly kind: 'folder';
  readonly dir: string;
  readonly from: '--model' | 'QWEN_EDIT_2511_DIR' | 'demo';
}

/** A model of the hub, which lies in its cache or in `localDir`, or is downloaded to there. */
export interface ChosenHubModel {
  readonly kind: 'hub';
  readonly ref: ModelRef;
  readonly localDir: string | undefined;
  readonly from: '--model' | 'QWEN_EDIT_MODEL';
}

export type ChosenModel = ChosenFolder | ChosenHubModel;

export interface ModelChoice {
  /** What --model says; the empty text means the demo model. undefined: it is not given. */
  readonly flag: string | undefined;
  readonly config: Pick<Config, 'model' | 'modelDir'>;
  readonly demoModelDir: string;
}

/**
 * Which model is meant. In this order: `--model`, where a folder that is there comes before a model of the hub with such a name, which
 * lies in QWEN_EDIT_2511_DIR if it was downloaded to there, else in the hub's cache; QWEN_EDIT_MODEL, which lies in QWEN_EDIT_2511_DIR if
 * that is set too, else in the hub's cache; QWEN_EDIT_2511_DIR alone; the demo model. The only place that decides it. Throws AppError
 * `usage` for a name that the hub cannot have.
 */
export async function chooseModel({ flag, config, demoModelDir }: ModelChoice): Promise<ChosenModel> {
  const demo: ChosenFolder = { kind: 'folder', dir: demoModelDir, from: 'demo' };
  if (flag === '') return demo;
  if (flag !== undefined) {
    if (!isModelRef(flag) || (await isThere(flag))) return { kind: 'folder', dir: flag, from: '--model' };
    const ref = parseModelRef(flag);
    return { kind: 'hub', ref, localDir: await folderOf(ref, config.modelDir), from: '--model' };
  }
  const { model, modelDir } = config;
  if (model !== undefined)
    return { kind: 'hub', ref: parseModelRef(model), localDir: modelDir, from: 'QWEN_EDIT_MODEL' };
  return modelDir === undefined ? demo : { kind: 'folder', dir: modelDir, from: 'QWEN_EDIT_2511_DIR' };
}

/** QWEN_EDIT_2511_DIR, if it is this model that was downloaded there, as `qwen-edit model pull` does; else the model lies in the cache. */
async function folderOf({ repo }: ModelRef, modelDir: string | undefined): Promise<string | undefined> {
  if (modelDir === undefined) return undefined;
  const { modelOfFolder } = await import('@qwen-edit/hub');
  return (await modelOfFolder(modelDir)) === repo ? modelDir : undefined;
}

/** The folder of a model that lies whole on this machine, as far as that is known without loading it. Asks no network. */
export async function findChosen(chosen: ChosenModel, hub: HubSettings): Promise<string | undefined> {
  if (chosen.kind === 'folder') return chosen.dir;
  const { findModel } = await import('@qwen-edit/hub');
  return findModel(chosen.ref, hub, chosen.localDir);
}

/** The same for a command that downloads nothing. Throws AppError `model_not_found`, which says how to get the model. */
export async function requireChosen(chosen: ChosenModel, hub: HubSettings): Promise<string> {
  const dir = await findChosen(chosen, hub);
  if (dir !== undefined) return dir;
  if (chosen.kind === 'folder') return chosen.dir;
  const where = chosen.localDir ?? `the cache ${hub.cacheDir}`;
  throw new AppError('model_not_found', `${refText(chosen.ref)} is not whole in ${where}.`, {
    hint: `Run \`qwen-edit model pull ${refText(chosen.ref)}\`, which downloads it, or what is missing of it.`,
  });
}

/** What a worker calls a model of the hub before it is loaded: the name that it has afterwards. */
export function nameOfChosen({ ref, localDir }: ChosenHubModel): string {
  return localDir === undefined ? ref.repo.slice(ref.repo.indexOf('/') + 1) : basename(localDir);
}

/** The error of opening a folder; of one that waits for its download it says how to begin that. */
export async function explainMissing(error: AppError, chosen: ChosenModel): Promise<AppError> {
  if (error.code !== 'model_not_found' || chosen.kind !== 'folder' || chosen.from !== 'QWEN_EDIT_2511_DIR')
    return error;
  if (!(await isEmpty(chosen.dir))) return error;
  return new AppError(error.code, error.message, {
    hint: `Nothing has been downloaded to the folder of QWEN_EDIT_2511_DIR yet. Run \`qwen-edit model pull\`, which downloads Qwen/Qwen-Image-Edit-2511 there; or set QWEN_EDIT_MODEL=Qwen/Qwen-Image-Edit-2511 too, and the service downloads it at its start.`,
    cause: error,
  });
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Missing, or nothing but what a download notes about itself. */
async function isEmpty(dir: string): Promise<boolean> {
  const names = await readdir(dir).catch((thrown: NodeJS.ErrnoException) => (thrown.code === 'ENOENT' ? [] : ['?']));
  return names.every((name) => name === '.cache');
}
