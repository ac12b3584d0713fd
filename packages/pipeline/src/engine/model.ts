import { join } from 'node:path';
import { AppError } from '@qwen-edit/contract';
import { commonFolder, type ModelFolder, openModelFolder } from '../hub/model-folder.ts';
import type { FindPrepared } from '../onnx/prepared-layer.ts';
import { createPromptEncoder, type PromptEncoder } from '../text/prompt.ts';
import type { LoraFile, UsedLora } from '../types.ts';
import { type Device, deviceNamed, type KernelSet } from './devices.ts';
import { loadLoras } from './loras.ts';
import { type Precision, precisionNamed } from './precision.ts';
import { type EngineContext, type Holding, SEGMENT_BYTES, type SegmentChain } from './segment-chain.ts';
import { loadTextEncoder, type TextEncoder } from './text-encoder.ts';
import { loadTransformer, type Transformer } from './transformer.ts';
import { loadVae, type Vae } from './vae.ts';

/** Which segments of the networks are in memory between their runs. The VAE is there in its stages. */
export interface Residency {
  /** Pixels of the largest picture that the VAE works on as a whole: see isTiled. */
  readonly untiledArea: number;
  readonly vision: Holding;
  readonly language: Holding;
  readonly transformer: Holding;
}

/** A checkpoint, and how its networks are to be computed. */
export interface OpenedModel {
  readonly folder: ModelFolder;
  readonly context: EngineContext;
}

/** A checkpoint whose networks are loaded. */
export interface LoadedModel extends OpenedModel {
  readonly device: Device;
  readonly precision: Precision;
  readonly prompt: PromptEncoder;
  readonly textEncoder: TextEncoder;
  readonly transformer: Transformer;
  readonly vae: Vae;
  /** See ModelLoadOptions. */
  readonly pause: () => Promise<void>;
  readonly memoryBytes: number | undefined;
  readonly deviceMemoryBytes: number | undefined;
  readonly segmentBytes: number;
  /** Lets the transformer use these LoRAs, and no others besides those that it was loaded with. Resolves with what a receipt tells; throws what readLora throws. */
  readonly useLoras: (loras: readonly LoraFile[]) => Promise<readonly UsedLora[]>;
  /** Bytes of LoRAs in memory. */
  readonly loraBytes: () => number;
  /** Decides what is in memory from now on, as for an edit that is to begin. */
  readonly arrange: (residency: Residency) => Promise<void>;
  /** To be called when a stage of an edit has ended: gives the memory back that the next one needs. */
  readonly endStage: () => Promise<void>;
  /** Gives the memory of all networks back. The model cannot be used after that. */
  readonly release: () => Promise<void>;
}

export interface ModelLoadOptions {
  /** A device and a precision, or their names; if absent or empty, the default. */
  readonly device?: string | Device;
  readonly precision?: string | Precision;
  /** Of a device that is given by its name; default: the fast ones. */
  readonly kernels?: KernelSet | undefined;
  readonly threads: number;
  /** Bytes of main memory that edits are planned with; if nobody says, everything is held. */
  readonly memoryBytes?: number | undefined;
  /** Bytes of the device's own memory that edits are planned with, of several all together; if nobody says, everything is held. */
  readonly deviceMemoryBytes?: number | undefined;
  /** How the transformer is cut into segments, and what is held until the first edit; without it, everything in the usual segments. */
  readonly arrangement?: (folder: ModelFolder, device: Device, precision: Precision) => FirstArrangement;
  /** Called before each segment is loaded or run: lets messages in, and throws if the work was cancelled. */
  readonly pause: () => Promise<void>;
  readonly onStep?: (step: number, total: number) => void;
  /** See EngineContext. */
  readonly onOutputs?: EngineContext['onOutputs'];
  /** LoRAs of every edit. Where the precision has prepared weights, `prepare` has made them a part of these. */
  readonly loras?: readonly LoraFile[] | undefined;
  /** Gives the weights in the form of the precision, if that has one of its own: see prepareWeights. */
  readonly prepare?: (folder: ModelFolder, precision: Precision, device: Device) => Promise<PreparedFolder | undefined>;
}

/** What a plan says before a model is loaded. */
export interface FirstArrangement {
  readonly residency: Residency;
  /** See EngineContext. */
  readonly segmentBytes: number;
}

/** Prepared weights and the folder below which they lie. */
interface PreparedFolder {
  readonly find: FindPrepared;
  readonly folder: string;
  /** See Precision. */
  readonly calibration?: string | undefined;
}

/**
 * Opens a folder and loads all of its networks. Weights stay in their files, so this is quick whatever their size.
 * Throws what openModelFolder throws, and AppError `invalid_parameter` for an unknown device or precision.
 */
export async function loadModel(dir: string, options: ModelLoadOptions): Promise<LoadedModel> {
  const steps = 4;
  const step = (done: number): void => options.onStep?.(done, steps);
  step(0);
  const { folder, context: opened } = await openModel(dir, options);
  const { pause, memoryBytes, deviceMemoryBytes } = options;
  const { device, precision } = opened;
  const prompt = createPromptEncoder(folder.tokenizer.file, folder.tokenizer.config, folder.family);
  const { residency, segmentBytes = SEGMENT_BYTES } = options.arrangement?.(folder, device, precision) ?? {};
  const context: EngineContext = { ...opened, segmentBytes };
  const chains: SegmentChain[] = [];
  const release = async (): Promise<void> => {
    for (const chain of chains) await chain.release();
  };
  try {
    step(1);
    const textEncoder = await loadTextEncoder(
      context,
      folder.textEncoder.config,
      folder.textEncoder.weights,
      residency,
    );
    chains.push(textEncoder.chains.vision, textEncoder.chains.text);
    step(2);
    const transformer = await loadTransformer(
      context,
      folder.transformer.config,
      folder.transformer.weights,
      residency?.transformer,
    );
    chains.push(transformer.chain);
    step(3);
    const vae = await loadVae(context, folder.vae.config, folder.vae.weights);
    chains.push(vae.chains.encoder, vae.chains.decoder);
    step(4);
    const endStage = async (): Promise<void> => {
      for (const chain of chains) await chain.endStage();
    };
    const loras = await loadLoras(transformer, {
      fixed: options.loras,
      isMerged: (layer) => context.prepared?.(layer) !== undefined,
    });
    await loras.useLoras([]);
    const arrange = async (wanted: Residency): Promise<void> => {
      await textEncoder.chains.vision.hold(wanted.vision);
      await textEncoder.chains.text.hold(wanted.language);
      await transformer.chain.hold(wanted.transformer);
      vae.tileAbove(wanted.untiledArea);
    };
    return {
      ...{ folder, context, device, precision, prompt, textEncoder, transformer, vae },
      ...{
        pause,
        memoryBytes,
        deviceMemoryBytes,
        segmentBytes,
        arrange,
        endStage,
        release,
        useLoras: loras.useLoras,
        loraBytes: loras.bytes,
      },
    };
  } catch (thrown) {
    await release();
    throw thrown;
  }
}

/**
 * Opens a folder, and finds its weights in the form of the precision, without loading a network. Throws what openModelFolder throws, and
 * AppError `invalid_parameter` for an unknown device or precision.
 */
export async function openModel(dir: string, options: ModelLoadOptions): Promise<OpenedModel> {
  const device = typeof options.device === 'object' ? options.device : deviceNamed(options.device, options.kernels);
  const wanted =
    typeof options.precision === 'object' ? options.precision : precisionNamed(options.precision, device.name);
  const folder = await openModelFolder(dir);
  const { threads, pause, onOutputs } = options;
  const prepared = await options.prepare?.(folder, wanted, device);
  const precision = { ...wanted, calibration: prepared?.calibration };
  if (precision.preparation !== undefined && prepared === undefined)
    throw new AppError('internal', `The precision ${precision.name} needs prepared weights.`);
  const root = prepared === undefined ? folder.root : commonFolder([folder.root, prepared.folder].map(insideOf));
  // Who measures something leaves nothing behind.
  const keepsModulations = prepared !== undefined && onOutputs === undefined;
  const modulationDir = keepsModulations ? join(prepared.folder, 'modulations') : undefined;
  const context: EngineContext = {
    ...{ device, precision, threads, root, pause },
    ...{ prepared: prepared?.find, modulationDir, onOutputs },
  };
  return { folder, context };
}

/** A path below a folder: commonFolder takes files. */
const insideOf = (folder: string): string => join(folder, 'x');
