import type {
  EditParametersInput,
  JobStage,
  OutputFormat,
  PREVIEW_MEDIA_TYPE,
  Size,
  Speed,
  Unchanged,
} from '@qwen-edit/contract';

/**
 * One edit: encoded pictures as they were uploaded (JPEG, PNG, …) and the parameters. The pipeline parses the parameters, so
 * that they may come as they were stored.
 */
export interface EditRequest {
  readonly images: readonly Uint8Array[];
  readonly parameters: EditParametersInput | Readonly<Record<string, unknown>>;
  /**
   * Whose encodings of prompts and pictures this edit may find and keep, if the pipeline has a cache of them: any text, as the hash of
   * an owner. Without it nothing of this edit is cached.
   */
  readonly cacheScope?: string | undefined;
}

/** A LoRA file, found and allowed. */
export interface LoraFile {
  /** What messages and receipts call it: its name, its repository, or its path as it was asked for. */
  readonly label: string;
  /** Absolute path of a safetensors file. */
  readonly path: string;
  readonly scale: number;
}

/** A LoRA of an edit, as its receipt tells. */
export interface UsedLora {
  readonly label: string;
  /** Name of the file, without its folder. */
  readonly file: string;
  readonly sha256: string;
  readonly scale: number;
  /** True if it is a part of the weights that the engine was loaded with. */
  readonly merged: boolean;
}

/** How much of the denoising of an edit was computed, as its receipt tells. */
export interface SpeedReport {
  readonly mode: Speed;
  readonly steps: number;
  /** Steps whose prediction came from the transformer; the others were foreseen. Of several pictures, that with the fewest. */
  readonly computed: number;
}

/** How far an edit is. `step` counts from 0 to `total` within its stage. */
export interface StepEvent {
  readonly stage: JobStage;
  readonly step: number;
  readonly total: number;
  /** True if this step of denoising was foreseen, for at least one picture, so that its time tells nothing of a step. */
  readonly foreseen?: true | undefined;
}

/** State of the sampling between two steps. Its bytes are only for the pipeline, and fit the same model and request only. */
export interface Snapshot {
  readonly step: number;
  readonly total: number;
  readonly bytes: Uint8Array;
}

/** What the first picture of an edit will look like: the estimate of the clean latents, in the colours of a linear map. */
export interface Preview {
  /** Steps done. */
  readonly step: number;
  readonly total: number;
  /** Pixels; one for each latent, and at most 256 on the longer side. */
  readonly width: number;
  readonly height: number;
  readonly mediaType: typeof PREVIEW_MEDIA_TYPE;
  readonly bytes: Uint8Array;
}

export type { ModelFacts } from '@qwen-edit/contract';

/** One comparison of a self-test with fp32 on the processor. */
export interface SelfTestFigure {
  /** What was compared: `noise_pred`, `block`, `picture`, or an operator. */
  readonly name: string;
  /** The same in words: which network, or the shape on which an operator was tried. */
  readonly what: string;
  /** Signal over error, in dB; of a picture its PSNR. 200 for equal values. */
  readonly decibels: number;
  /** Cosine of the angle between the two; of pictures too. */
  readonly cosine: number;
  /** What `decibels` has to reach. It is the stricter of the two: a cosine cannot see values that are all scaled alike. */
  readonly bound: number;
  readonly ok: boolean;
  /** Why there is nothing to compare, in ONNX Runtime's words. */
  readonly error?: string | undefined;
}

/** A set of kernels or a precision that the self-test has refused. */
export interface RefusedKernels {
  readonly kernels: 'fast' | 'safe';
  readonly precision: string;
  readonly reason: string;
}

/** What the self-test of a device and precision has found. */
export interface SelfTestResult {
  /** True if every network, the block and the picture come as close to fp32 as their bounds say. */
  readonly ok: boolean;
  readonly device: string;
  readonly kernels: 'fast' | 'safe';
  readonly precision: string;
  /** PSNR of the picture against the golden one, in dB; 200 for an equal one. */
  readonly psnr: number;
  /** What the PSNR has to reach, in dB. */
  readonly bound: number;
  /** How long it took, loading of the small model included. */
  readonly seconds: number;
  /** Each comparison, in the order in which an edit computes; the block of the loaded checkpoint comes last. */
  readonly figures: readonly SelfTestFigure[];
  /** Operators by themselves: those that differ, if a network does; all, if they were asked for. */
  readonly operators: readonly SelfTestFigure[];
  /** If it is not ok: the first network that differs, by how much, and which operators do. */
  readonly reason?: string | undefined;
  /** What was tried before, and left since it computes wrong numbers. */
  readonly refused: readonly RefusedKernels[];
}

export interface EditHooks {
  /** Ends the edit between two segments of the network, or the wait for its turn or its engine; the promise rejects with AppError `canceled`. */
  readonly signal?: AbortSignal;
  readonly onStep?: (event: StepEvent) => void;
  /** Called with the state after every `snapshotEvery` steps (none without it), and when Pipeline.requestSnapshot asks. */
  readonly onSnapshot?: (snapshot: Snapshot) => void;
  readonly snapshotEvery?: number;
  /** Called with a preview after every `previewEvery` steps. Without both, none is computed; the result is the same. */
  readonly onPreview?: (preview: Preview) => void;
  readonly previewEvery?: number;
  /** Continues from this state. AppError `snapshot_invalid` if it belongs to another model or request. */
  readonly resume?: Snapshot;
  /** Also return the final packed latents, [images, tokens, channels]. */
  readonly returnLatents?: boolean;
}

export interface EditOutput {
  readonly width: number;
  readonly height: number;
  readonly format: OutputFormat;
  readonly bytes: Uint8Array;
}

/** Seconds spent in each stage. `load_s` is the time this engine needed to load the model, once. */
export interface Timings {
  readonly load_s: number;
  readonly encode_s: number;
  readonly denoise_s: number;
  readonly decode_s: number;
  readonly total_s: number;
}

/** What is needed to make the same picture again. */
export interface Receipt {
  readonly model: {
    readonly name: string;
    readonly digest: string;
    readonly demo: boolean;
    /** `_class_name` of model_index.json. */
    readonly pipeline: string;
  };
  readonly parameters: Record<string, unknown>;
  /** The pictures, each with the size that it had for the VAE. */
  readonly images: readonly ({ readonly sha256: string; readonly reference: Size } & Size)[];
  readonly precision: string;
  readonly device: string;
  /** In the order in which they are added; those of the model first. */
  readonly loras: readonly UsedLora[];
  readonly speed: SpeedReport;
  /** Present if the device's faster kernels have failed their self-test. */
  readonly kernels?: 'safe' | undefined;
  readonly versions: Record<string, string>;
  /** Results that are nearly a picture of the request. */
  readonly unchanged: readonly Unchanged[];
}

export interface EditResult {
  readonly outputs: readonly EditOutput[];
  /** Decimal string; if -1 was asked for, the seed that was drawn. */
  readonly seed: string;
  readonly timings: Timings;
  readonly receipt: Receipt;
  /** One sentence for each thing that was asked for and has no effect, and for what else a person should know of the results. */
  readonly warnings: readonly string[];
  readonly latents?: { readonly data: Float32Array; readonly shape: readonly number[] };
}

/** Weights that are prepared in a precision, once: so many bytes in a folder. */
export interface Preparing {
  readonly precision: string;
  readonly bytes: number;
  readonly folder: string;
}
