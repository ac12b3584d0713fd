import { type ModelFolder, openModelFolder } from '../hub/model-folder.ts';
import { createPromptEncoder, type PromptEncoder } from '../text/prompt.ts';
import { type Device, deviceNamed } from './devices.ts';
import { type Precision, precisionNamed } from './precision.ts';
import type { EngineContext } from './segment-chain.ts';
import { loadTextEncoder, type TextEncoder } from './text-encoder.ts';
import { loadTransformer, type Transformer } from './transformer.ts';
import { loadVae, type Vae } from './vae.ts';

/** A checkpoint whose networks are loaded. */
export interface LoadedModel {
  readonly folder: ModelFolder;
  readonly device: Device;
  readonly precision: Precision;
  readonly prompt: PromptEncoder;
  readonly textEncoder: TextEncoder;
  readonly transformer: Transformer;
  readonly vae: Vae;
  /** See ModelLoadOptions. */
  readonly pause: () => Promise<void>;
}

export interface ModelLoadOptions {
  /** Name of a device and of a precision; if absent or empty, the default. */
  readonly device?: string;
  readonly precision?: string;
  readonly threads: number;
  /** Called before each segment is loaded or run: lets messages in, and throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
  readonly onStep?: (step: number, total: number) => void;
}

/**
 * Opens a folder and loads all of its networks. Weights stay in their files, so this is quick whatever their size.
 * Throws what openModelFolder throws, and AppError `invalid_parameter` for an unknown device or precision.
 */
export async function loadModel(dir: string, options: ModelLoadOptions): Promise<LoadedModel> {
  const steps = 4;
  const step = (done: number): void => options.onStep?.(done, steps);
  const device = deviceNamed(options.device);
  const precision = precisionNamed(options.precision, device.name);
  step(0);
  const folder = await openModelFolder(dir);
  const prompt = createPromptEncoder(folder.tokenizer.file, folder.tokenizer.config, folder.family);
  const { threads, pause } = options;
  const context: EngineContext = { device, precision, threads, root: folder.root, pause };
  step(1);
  const textEncoder = await loadTextEncoder(context, folder.textEncoder.config, folder.textEncoder.weights);
  step(2);
  const transformer = await loadTransformer(context, folder.transformer.config, folder.transformer.weights);
  step(3);
  const vae = await loadVae(context, folder.vae.config, folder.vae.weights);
  step(4);
  return { folder, device, precision, prompt, textEncoder, transformer, vae, pause };
}
