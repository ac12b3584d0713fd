import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoraRef, type OfferedLora, type OfferedPreset, toAppError } from '@qwen-edit/contract';
import { openModelFolder } from '../hub/model-folder.ts';
import type { LoraFile } from '../types.ts';
import { openWeights } from '../weights/open-weights.ts';
import { findLoras, type ResolveLora, readLoraConfig } from './find-loras.ts';
import { type LoraTargets, openLora, targetsOf } from './read-lora.ts';

/** The presets of a model and the LoRAs that requests may name, each with what keeps it from being used now. */
export interface LoraOffer {
  readonly presets: OfferedPreset[];
  readonly loras: OfferedLora[];
}

/** What facts of a model tell of them. */
export interface OfferFacts {
  readonly presets?: readonly OfferedPreset[] | undefined;
  readonly loras?: readonly OfferedLora[] | undefined;
}

export interface OfferDeps {
  readonly modelDir: string;
  readonly resolveLora: ResolveLora;
  /** Names besides those of the model. */
  readonly names: readonly string[];
}

/** All LoRAs that the folder names itself: those of its presets and those of every edit. Throws what openModelFolder throws. */
export async function lorasOfModel(modelDir: string): Promise<readonly LoraRef[]> {
  const { edit } = await openModelFolder(modelDir);
  return [...edit.lora, ...edit.presets.flatMap(({ lora = [] }) => lora)];
}

/**
 * Looks for the files of all that is offered, and at their headers. It may be asked again and again: a file that has not changed is opened once.
 *
 * @example
 * const look = createLoraOffer({ modelDir, resolveLora, names: ['sketch'] });
 * const { presets } = await look(pipeline.model);
 */
export function createLoraOffer({
  modelDir,
  resolveLora,
  names,
}: OfferDeps): (facts: OfferFacts) => Promise<LoraOffer> {
  const seen = new Map<string, { readonly version: string; readonly unavailable: string | undefined }>();
  let targets: Promise<LoraTargets> | undefined;

  async function obstacleOf(wanted: readonly LoraRef[]): Promise<string | undefined> {
    try {
      for (const file of await findLoras(wanted, modelDir, resolveLora)) {
        const unavailable = await obstacleOfFile(file);
        if (unavailable !== undefined) return unavailable;
      }
      return undefined;
    } catch (thrown) {
      return reasonOf(thrown);
    }
  }

  async function obstacleOfFile(file: LoraFile): Promise<string | undefined> {
    const facts = await stat(file.path).catch(() => undefined);
    const version = `${facts?.ino} ${facts?.size} ${facts?.mtimeMs} ${file.label}`;
    const known = seen.get(file.path);
    if (known?.version === version) return known.unavailable;
    const unavailable = await openLora(file, await targetsOfModel()).then(() => undefined, reasonOf);
    seen.set(file.path, { version, unavailable });
    return unavailable;
  }

  function targetsOfModel(): Promise<LoraTargets> {
    targets ??= openWeights(join(modelDir, 'transformer'), 'diffusion_pytorch_model').then(targetsOf);
    // A model that cannot be read now may be whole later.
    targets.catch(() => {
      targets = undefined;
    });
    return targets;
  }

  return async ({ presets = [], loras = [] }) => {
    const { loras: own } = await readLoraConfig(modelDir);
    const told = new Map(loras.map((each) => [each.name, each]));
    const all = [...new Set([...Object.keys(own), ...names])].map((name) => ({ ...told.get(name), name }));
    return {
      presets: await Promise.all(
        presets.map(async ({ unavailable: _, ...preset }) => withObstacle(preset, await obstacleOf(preset.lora ?? []))),
      ),
      loras: await Promise.all(
        all.map(async ({ unavailable: _, ...lora }) =>
          withObstacle(lora, await obstacleOf([{ name: lora.name, scale: 1 }])),
        ),
      ),
    };
  };
}

const withObstacle = <T>(offered: T, unavailable: string | undefined): T | (T & { readonly unavailable: string }) =>
  unavailable === undefined ? offered : { ...offered, unavailable };

/** What is so, and what to do. */
function reasonOf(thrown: unknown): string {
  const { message, hint } = toAppError(thrown);
  return `${message} ${hint}`;
}
