import type {
  EditParametersInput,
  JobStage,
  OutputFormat,
  PREVIEW_MEDIA_TYPE,
  Size,
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

/** How far an edit is. `step` counts from 0 to `total` within its stage. */
export interface StepEvent {
  readonly stage: JobStage;
  readonly step: number;
  readonly total: number;
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

/** What the self-test of a device and precision has found. */
export interface SelfTestResult {
  /** True if every network and the picture come as close to the golden edit as their bounds say. */
  readonly ok: boolean;
  /** PSNR of the picture against the golden one, in dB; 200 for an equal one. */
  readonly psnr: number;
  /** What the PSNR has to reach, in dB. */
  readonly bound: number;
  /** How long it took, loading of the small model included. */
  readonly seconds: number;
  /** If it is not ok: the first network that differs, and by how much. */
  readonly reason?: string | undefined;
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
