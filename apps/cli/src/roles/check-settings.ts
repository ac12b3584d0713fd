import { access, constants, stat } from 'node:fs/promises';
import { AppError, type EstimatedModel, parseDevice, toAppError } from '@qwen-edit/contract';
import { checkWebhookSecret } from '@qwen-edit/dispatcher';
import type { HubSettings } from '@qwen-edit/hub';
import { availableMemory, inspectModel, knownModelShape, requireEngine } from '@qwen-edit/pipeline';
import { createStore } from '@qwen-edit/storage';
import type { ConfiguredModel } from '@qwen-edit/worker';
import { type ChosenEngines, chooseEngines } from '../devices/choose-engines.ts';
import { createCardLook } from '../devices/machine-cards.ts';
import { kindOf } from '../devices/parse-engines.ts';
import { fitsUsualEdit } from '../devices/usual-edit.ts';
import { isOnProcessor } from '../engine-share.ts';
import { checkMemoryOfWorker } from '../memory-limit.ts';
import {
  type ChosenModel,
  chooseModel,
  explainMissing,
  findChosen,
  type ModelChoice,
  nameOfChosen,
} from '../model/choose-model.ts';
import { precisionOf, usablePrecision } from '../precision-setting.ts';
import { storageUrlOf } from './backends.ts';
import { checkFolder } from './check-folder.ts';
import { closeToOthers, hasSigningSecret } from './data-dir.ts';
import type { RoleDeps } from './role.ts';
import type { Role } from './role-command.ts';

export interface CheckedModel {
  readonly chosen: ChosenModel;
  readonly hub: HubSettings;
  /** What is known of it already: of a model that is still to be downloaded its name. */
  readonly facts: ConfiguredModel;
}

/** What a role learns of its settings before it starts. */
export interface CheckedSettings {
  /** What workers will load; undefined for a role without workers. */
  readonly model: CheckedModel | undefined;
  /** The engines of its workers; none for a role without workers. */
  readonly engines: ChosenEngines;
  /** What the log should say. */
  readonly notes: readonly string[];
}

/**
 * Tries what the settings of a role name and only this machine decides: folders, files, secrets. What cannot work ends the start.
 * A server that does not answer is no wrong setting: it may be back in a minute. Throws an AppError that tells all that is wrong.
 */
export async function checkSettings(
  role: Role,
  { config, modelFlag, demoModelDir }: Pick<RoleDeps, 'config' | 'modelFlag' | 'demoModelDir'>,
): Promise<CheckedSettings> {
  const works = (...roles: readonly Role[]): boolean => roles.includes(role);
  const failures: AppError[] = [];
  const attempt = async <T>(check: () => Promise<T> | T): Promise<T | undefined> => {
    try {
      return await check();
    } catch (thrown) {
      failures.push(toAppError(thrown));
      return undefined;
    }
  };
  // A part of a deployment only reads its data folder, if the secret is there: it may be mounted read-only. Pictures may lie
  // in it, which nobody else on the machine has to read.
  if (works('serve') || !(await hasSigningSecret(config.dataDir)))
    await attempt(() => checkFolder(config.dataDir, 'QWEN_EDIT_DATA_DIR', 0o700));
  const storageUrl = storageUrlOf(config);
  const ownFolder =
    /^file:/i.test(storageUrl) && config.storageUrl !== undefined ? folderOfStore(storageUrl) : undefined;
  const notes = [await closeToOthers(config.dataDir, 'QWEN_EDIT_DATA_DIR')];
  if (ownFolder !== undefined) {
    notes.push(await closeToOthers(ownFolder, 'STORAGE_URL'));
    await attempt(() => checkFileStore(storageUrl, ownFolder));
  }
  const { outputDir, webhookSecret, engineProgram } = config;
  if (works('serve', 'api') && outputDir !== undefined)
    await attempt(() => checkFolder(outputDir, 'QWEN_EDIT_OUTPUT_DIR'));
  if (works('serve', 'dispatcher') && webhookSecret !== undefined)
    await attempt(() => checkWebhookSecret(webhookSecret));
  let model: CheckedSettings['model'];
  let engines: ChosenEngines = { engines: [], notes: [] };
  if (works('serve', 'worker')) {
    if (engineProgram === undefined) requireEngine();
    else await attempt(() => checkFile(engineProgram, 'QWEN_EDIT_ENGINE_PROGRAM'));
    model = await attempt(() => checkModel({ flag: modelFlag, config, demoModelDir }));
    const shape = model && { ...knownShape(model), ...model.facts };
    engines = await chooseEngines(config, { look: createCardLook(config), fits: shape && fitsCards(shape, config) });
    notes.push(...engines.notes);
    for (const kind of new Set(engines.engines.map(kindOf)))
      notes.push((await attempt(() => precisionOf(config, kind)))?.note);
    const [onProcessor] = engines.engines.filter(isOnProcessor);
    if (shape !== undefined && onProcessor !== undefined) {
      const planned = { ...shape, precision: usablePrecision(config, kindOf(onProcessor)) };
      const count = engines.engines.length;
      notes.push(await attempt(async () => checkMemoryOfWorker(planned, config, await availableMemory(), count)));
    }
  }
  if (failures.length > 0) throw together(failures);
  return { model, engines, notes: notes.filter((note) => note !== undefined) };
}

/** Whether a model fits so many bytes of cards of CUDA, in the precision that they would compute in. */
function fitsCards(model: EstimatedModel, config: RoleDeps['config']): ReturnType<typeof fitsUsualEdit> {
  const { name } = parseDevice('cuda');
  return fitsUsualEdit(model, name, usablePrecision(config, name));
}

/** A model of the hub that isn't whole here is no fault: the worker downloads it. What cannot be loaded is one. */
async function checkModel(choice: ModelChoice & Pick<RoleDeps, 'config'>): Promise<CheckedModel> {
  // Roles without workers also run where there is no library of the hub.
  const { hubSettings } = await import('../model/hub-settings.ts');
  const [chosen, hub] = await Promise.all([chooseModel(choice), hubSettings(choice.config)]);
  const dir = await findChosen(chosen, hub);
  if (dir === undefined) return { chosen, hub, facts: { name: chosen.kind === 'hub' ? nameOfChosen(chosen) : '' } };
  const facts = await inspectModel(dir).catch(async (thrown: unknown) =>
    Promise.reject(await explainMissing(toAppError(thrown), chosen)),
  );
  return { chosen, hub, facts };
}

/** Of a model that is still to be downloaded. */
function knownShape({ chosen }: CheckedModel): Pick<ConfiguredModel, 'shape'> {
  const shape = chosen.kind === 'hub' ? knownModelShape(chosen.ref.repo) : undefined;
  return shape === undefined ? {} : { shape };
}

/** The folder of a `file:` URL of a store. A relative one lies below the working directory. */
export function folderOfStore(url: string): string {
  return /^file:\/\//i.test(url) ? decodeURIComponent(new URL(url).pathname) : url.slice('file:'.length);
}

async function checkFileStore(url: string, folder: string): Promise<void> {
  // Its folder first: see checkFolder.
  await checkFolder(folder, 'STORAGE_URL', 0o700);
  const store = createStore(url);
  await store.check().finally(() => store.close());
}

async function checkFile(path: string, setting: string): Promise<void> {
  const isFile = await stat(path).then(
    (facts) => facts.isFile(),
    () => false,
  );
  const mayRead = await access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
  if (isFile && mayRead) return;
  throw new AppError('usage', `The file ${path} of ${setting} ${isFile ? 'may not be read' : 'is not there'}.`, {
    hint: `Correct or unset ${setting}.`,
  });
}

/** One error of several: whoever mends the first must not meet the second on the next start. */
function together(failures: readonly AppError[]): AppError {
  const [first] = failures;
  if (first === undefined || failures.length === 1) return first ?? new AppError('internal', 'Nothing is wrong.');
  const text = (each: (error: AppError) => string): string => [...new Set(failures.map(each))].join('\n');
  return new AppError(
    first.code,
    text(({ message }) => message),
    { hint: text(({ hint }) => hint), cause: failures },
  );
}
