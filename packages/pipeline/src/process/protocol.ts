import {
  type ErrorCode,
  isErrorCode,
  JOB_STAGES,
  modelFactsSchema,
  OUTPUT_FORMATS,
  PREVIEW_MEDIA_TYPE,
  SPEEDS,
  unchangedSchema,
} from '@qwen-edit/contract';
import { z } from 'zod';

/**
 * The messages between parent and engine, sent as frames (see framing.ts) over the child's file descriptor 3. The engine
 * speaks first (`hello`); a parent of another version ends it. A message that fits no schema means that the other side is
 * broken: it is never skipped.
 */
export const PROTOCOL_VERSION = 7;
/** The child's end of the pipe. */
export const PROTOCOL_FD = 3;

const id = z.int().min(1);
/** As of engine/devices.ts. */
const kernels = z.enum(['fast', 'safe']);

/** As LoraFile. */
const loraFile = z.object({ label: z.string(), path: z.string(), scale: z.number() });

/** Parent to engine. Binary parts: `edit` carries the pictures, then the snapshot if `resume` is true. */
export const engineCommandSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('load'),
    id,
    modelDir: z.string(),
    /** Names in the tables of engine/devices.ts and engine/precision.ts; checked on both sides. */
    device: z.string(),
    kernels,
    precision: z.string(),
    threads: z.int().min(1),
    /** As of PipelineOptions. */
    encodingCache: z
      .object({ folder: z.string().min(1), maxBytes: z.int().min(0), maxAgeMs: z.int().min(1).optional() })
      .optional(),
    memoryBytes: z.int().min(1).optional(),
    deviceMemoryBytes: z.int().min(1).optional(),
    weightCacheDir: z.string().optional(),
    /** Those that every edit uses. */
    loras: z.array(loraFile).optional(),
  }),
  /** See examineDevice. The loaded model is used if it is one of the two checkpoints, and stays in any case. */
  z.object({
    type: z.literal('self-test'),
    id,
    device: z.string(),
    kernels,
    precision: z.string(),
    threads: z.int().min(1),
    memoryBytes: z.int().min(1).optional(),
    weightCacheDir: z.string().optional(),
    dir: z.string().optional(),
    block: z.string().optional(),
    operators: z.boolean(),
  }),
  z.object({
    type: z.literal('edit'),
    id,
    /** Checked by the pipeline on both sides. */
    parameters: z.unknown(),
    images: z.int().min(0),
    resume: z.boolean(),
    snapshotEvery: z.int().min(1).optional(),
    previewEvery: z.int().min(1).optional(),
    returnLatents: z.boolean(),
    /** Of the preset, then of the request. */
    loras: z.array(loraFile).optional(),
    cacheScope: z.string().min(1).optional(),
  }),
  /** Ends the running edit between two segments; it is answered by that edit's `error` with code `canceled`. */
  z.object({ type: z.literal('cancel'), id }),
  /** Asks for the state of the running edit as soon as its step is done. */
  z.object({ type: z.literal('snapshot'), id }),
  z.object({ type: z.literal('stats'), id }),
  z.object({ type: z.literal('shutdown'), id }),
]);
export type EngineCommand = z.output<typeof engineCommandSchema>;

const seconds = z.number().min(0);

const errorFields = {
  code: z.custom<ErrorCode>((value) => typeof value === 'string' && isErrorCode(value)),
  message: z.string(),
  hint: z.string(),
};

const engineStatsSchema = z.object({
  pid: z.int(),
  /** Seconds that the engine has been up. */
  uptime_s: seconds,
  edits: z.int().min(0),
  /** Bytes of memory that the process holds now, and at most so far. */
  rss: z.int(),
  peak_rss: z.int(),
});
export type EngineStats = z.output<typeof engineStatsSchema>;

const sides = { width: z.int(), height: z.int() };

const resultSchema = z.object({
  outputs: z.array(z.object({ width: z.int(), height: z.int(), format: z.enum(OUTPUT_FORMATS) })),
  seed: z.string(),
  timings: z.object({ encode_s: seconds, denoise_s: seconds, decode_s: seconds, total_s: seconds }),
  receipt: z.object({
    model: z.object({ name: z.string(), digest: z.string(), demo: z.boolean(), pipeline: z.string() }),
    parameters: z.record(z.string(), z.unknown()),
    images: z.array(z.object({ sha256: z.string(), ...sides, reference: z.object(sides) })),
    precision: z.string(),
    device: z.string(),
    loras: z.array(loraFile.omit({ path: true }).extend({ file: z.string(), sha256: z.string(), merged: z.boolean() })),
    speed: z.object({ mode: z.enum(SPEEDS), steps: z.int(), computed: z.int() }),
    kernels: z.literal('safe').optional(),
    versions: z.record(z.string(), z.string()),
    unchanged: z.array(unchangedSchema),
  }),
  warnings: z.array(z.string()),
  latentsShape: z.array(z.int()).optional(),
});

const figureSchema = z.object({
  name: z.string(),
  what: z.string(),
  decibels: z.number(),
  cosine: z.number(),
  bound: z.number(),
  ok: z.boolean(),
  error: z.string().optional(),
});

const examinationSchema = z.object({
  figures: z.array(figureSchema),
  operators: z.array(figureSchema),
  reason: z.string().optional(),
  seconds,
});

/** Engine to parent. Binary parts: `snapshot` carries the state; `preview` the encoded picture; `result` the encoded outputs, then latents if asked for. */
export const engineEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), version: z.int() }),
  /** Sent between two segments, at most once a second, so that silence means trouble. */
  z.object({ type: z.literal('alive') }),
  /** Something that keeps no edit from being made, as a cache that cannot be written. */
  z.object({ type: z.literal('trouble'), ...errorFields }),
  /** Sent before weights are prepared, which takes minutes, once. */
  z.object({ type: z.literal('preparing'), id, precision: z.string(), bytes: z.int().min(0), folder: z.string() }),
  z.object({ type: z.literal('loaded'), id, load_s: seconds, model: modelFactsSchema }),
  /** Progress of a self-test: `what` is tried, and so much of it is done. */
  z.object({ type: z.literal('testing'), id, what: z.string(), done: z.int().min(0), total: z.int().min(1) }),
  z.object({ type: z.literal('self-tested'), id, result: examinationSchema }),
  z.object({
    type: z.literal('step'),
    id,
    stage: z.enum(JOB_STAGES),
    step: z.int().min(0),
    total: z.int().min(1),
    foreseen: z.literal(true).optional(),
  }),
  z.object({ type: z.literal('snapshot'), id, step: z.int().min(0), total: z.int().min(1) }),
  z.object({
    type: z.literal('preview'),
    id,
    step: z.int().min(1),
    total: z.int().min(1),
    width: z.int().min(1),
    height: z.int().min(1),
    mediaType: z.literal(PREVIEW_MEDIA_TYPE),
  }),
  z.object({ type: z.literal('result'), id, result: resultSchema }),
  z.object({ type: z.literal('stats'), id, stats: engineStatsSchema }),
  z.object({ type: z.literal('error'), id, ...errorFields }),
]);
export type EngineEvent = z.output<typeof engineEventSchema>;
