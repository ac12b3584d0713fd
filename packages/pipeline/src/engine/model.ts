import { type ModelFolder, openModelFolder } from '../hub/model-folder.ts';
import { PATCH } from '../sampling/latents.ts';
import { minSteps } from '../sampling/schedule.ts';
import type { ModelFacts } from '../types.ts';
import { DEVICE, PRECISION } from '../versions.ts';
import type { EngineContext } from './segments.ts';
import { loadTextEncoder, type TextEncoder } from './text-encoder.ts';
import { loadTransformer, type Transformer } from './transformer.ts';
import { loadVae, type Vae } from './vae.ts';

/** A checkpoint ready to run. */
export interface Model {
  readonly folder: ModelFolder;
  readonly textEncoder: TextEncoder;
  readonly transformer: Transformer;
  readonly vae: Vae;
  readonly pause: () => Promise<void>;
}

export interface ModelOptions {
  readonly threads: number;
  readonly pause: () => Promise<void>;
  readonly onStep?: (step: number, total: number) => void;
}

/** Opens a folder and loads all of its networks. Weights stay in their files, so this is quick whatever their size. */
export async function loadModel(dir: string, options: ModelOptions): Promise<Model> {
  const steps = 4;
  const step = (done: number): void => options.onStep?.(done, steps);
  step(0);
  const folder = await openModelFolder(dir);
  const context: EngineContext = { threads: options.threads, root: folder.root, pause: options.pause };
  step(1);
  const textEncoder = await loadTextEncoder(context, folder.textEncoder.config, folder.textEncoder.weights);
  step(2);
  const transformer = await loadTransformer(context, folder.transformer.config, folder.transformer.weights);
  step(3);
  const vae = await loadVae(context, folder.vae.config, folder.vae.weights);
  step(4);
  return { folder, textEncoder, transformer, vae, pause: options.pause };
}

export function modelFacts({ folder, vae }: Model): ModelFacts {
  const { unknown: _unknown, ...recommended } = folder.edit;
  return {
    ...recommended,
    name: folder.name,
    digest: folder.digest,
    min_inference_steps: minSteps(folder.scheduler),
    size_multiple: PATCH * vae.factor,
    device: DEVICE,
    precision: PRECISION,
    ...(folder.card === undefined ? {} : { card: folder.card }),
  };
}
