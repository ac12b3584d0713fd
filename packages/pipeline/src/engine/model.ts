import { type ModelFolder, openModelFolder } from '../hub/model-folder.ts';
import { createPromptEncoder, type PromptEncoder } from '../text/prompt.ts';
import { type Device, deviceNamed } from './devices.ts';
import { type Precision, precisionNamed } from './precision.ts';
import type { EngineContext } from './segment-chain.ts';
import type { GraphSession } from './session.ts';
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
  /** Gives the memory of all networks back. The model cannot be used after that. */
  readonly release: () => Promise<void>;
}

export interface ModelLoadOptions {
  /** A device and a precision, or their names; if absent or empty, the default. */
  readonly device?: string | Device;
  readonly precision?: string | Precision;
  readonly threads: number;
  /** Called before each segment is loaded or run: lets messages in, and throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
  readonly onStep?: (step: number, total: number) => void;
  /** Folder for weights that a precision has to prepare; without it, none are kept between loads. */
  readonly weightCacheDir?: string;
}

/**
 * Opens a folder and loads all of its networks. Weights stay in their files, so this is quick whatever their size.
 * Throws what openModelFolder throws, and AppError `invalid_parameter` for an unknown device or precision.
 */
export async function loadModel(dir: string, options: ModelLoadOptions): Promise<LoadedModel> {
  const steps = 4;
  const step = (done: number): void => options.onStep?.(done, steps);
  const device = typeof options.device === 'object' ? options.device : deviceNamed(options.device);
  const precision =
    typeof options.precision === 'object' ? options.precision : precisionNamed(options.precision, device.name);
  step(0);
  const folder = await openModelFolder(dir);
  const prompt = createPromptEncoder(folder.tokenizer.file, folder.tokenizer.config, folder.family);
  const { threads, pause } = options;
  const sessions: GraphSession[] = [];
  const context: EngineContext = { device, precision, threads, root: folder.root, pause, sessions };
  const release = async (): Promise<void> => {
    await Promise.all(sessions.splice(0).map((session) => session.release()));
  };
  try {
    step(1);
    const textEncoder = await loadTextEncoder(context, folder.textEncoder.config, folder.textEncoder.weights);
    step(2);
    const transformer = await loadTransformer(context, folder.transformer.config, folder.transformer.weights);
    step(3);
    const vae = await loadVae(context, folder.vae.config, folder.vae.weights);
    step(4);
    return { folder, device, precision, prompt, textEncoder, transformer, vae, pause, release };
  } catch (thrown) {
    await release();
    throw thrown;
  }
}
