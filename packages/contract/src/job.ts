import { z } from 'zod';
import { unchangedSchema } from './unchanged.ts';

/** Every state of a job. The last four are final. */
export const JOB_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'canceled', 'expired'] as const;
export const TERMINAL_STATUSES = ['succeeded', 'failed', 'canceled', 'expired'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
export type TerminalStatus = (typeof TERMINAL_STATUSES)[number];

/** True for a status that never changes again. */
export function isTerminal(status: JobStatus): status is TerminalStatus {
  return TERMINAL_STATUSES.some((each) => each === status);
}

/** What an engine does for an edit, in this order. A queued or ended job is in no stage. */
export const JOB_STAGES = ['load', 'encode', 'denoise', 'decode'] as const;
export type JobStage = (typeof JOB_STAGES)[number];

/** Why a job failed or expired; `code` is one of the error codes. */
export const jobErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
});
export type JobError = z.output<typeof jobErrorSchema>;

const seconds = z.number().min(0);

/** A picture of a job. `url` answers with the picture itself, or with a redirect to it; `thumbnail_url` with a small WebP. */
export const jobImageSchema = z.object({
  url: z.string(),
  thumbnail_url: z.string(),
  sha256: z.string(),
  width: z.int(),
  height: z.int(),
  bytes: z.int(),
  media_type: z.string(),
});
export type JobImage = z.output<typeof jobImageSchema>;

/** A result. */
export const jobOutputSchema = jobImageSchema.extend({ index: z.int().min(0) });
export type JobOutput = z.output<typeof jobOutputSchema>;

/** Why a queued job is begun by nobody. */
export const jobWaitingSchema = z.object({
  /** `no_worker`, `model_downloading`, `worker_not_ready` or `newer_worker_needed`; later versions may know more. */
  code: z.string(),
  message: z.string(),
  /** What a worker last met, in its own words; null if it met nothing. */
  last_error: z.string().nullable(),
});
export type JobWaiting = Readonly<z.output<typeof jobWaitingSchema>>;

/** A job as the API, its events and its webhooks show it. Names follow Replicate's predictions. Times are RFC 3339, UTC. */
export const jobSchema = z.object({
  id: z.string(),
  object: z.literal('job'),
  status: z.enum(JOB_STATUSES),
  /** True for a running job that was asked to stop and has not yet. */
  cancel_requested: z.boolean(),
  /** The parameters as they were sent, and the pictures as they were stored. */
  input: z.object({ images: z.array(jobImageSchema) }).catchall(z.unknown()),
  /** Results of a succeeded job, else null. */
  output: z.array(jobOutputSchema).nullable(),
  error: jobErrorSchema.nullable(),
  /** Decimal string; the drawn seed if the request said -1. null until the job has succeeded. */
  seed: z.string().nullable(),
  warnings: z.array(z.string()),
  /** Results that are nearly a picture of the request. */
  unchanged: z.array(unchangedSchema),
  progress: z.object({
    /** Jobs that will be claimed before this one; null if it does not wait. */
    queue_position: z.int().min(0).nullable(),
    /** Why nobody begins it; null if it only waits for its turn. */
    waiting: jobWaitingSchema.nullable(),
    stage: z.enum(JOB_STAGES).nullable(),
    step: z.int().min(0).nullable(),
    total: z.int().min(0).nullable(),
    /** Seconds until the end, estimated from the steps so far or from recent jobs; null if nothing is known. */
    eta_seconds: seconds.nullable(),
  }),
  /** How many times a worker has started it. */
  attempt: z.int().min(0),
  metadata: z.record(z.string(), z.string()),
  webhook_url: z.string().nullable(),
  deadline: z.string().nullable(),
  receipt: z.record(z.string(), z.unknown()).nullable(),
  metrics: z.object({
    queue_time: seconds.nullable(),
    predict_time: seconds.nullable(),
    total_time: seconds.nullable(),
    encode_time: seconds.nullable(),
    denoise_time: seconds.nullable(),
    decode_time: seconds.nullable(),
  }),
  created_at: z.string(),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  urls: z.object({ get: z.string(), cancel: z.string(), events: z.string() }),
});
export type Job = z.output<typeof jobSchema>;

export const jobListSchema = z.object({ data: z.array(jobSchema), next_cursor: z.string().nullable() });
export type JobList = z.output<typeof jobListSchema>;

const MAX_METADATA = { keys: 50, key: 64, value: 512 } as const;

/** What a submission may say about the job, besides the edit's parameters and pictures. */
export const jobOptionsSchema = z.object({
  webhook_url: z.string().max(2048, 'must have at most 2048 characters').optional(),
  /** Standard Webhooks secret of this job's webhook: `whsec_` and 24 to 64 bytes in base64. */
  webhook_secret: z
    .string()
    .regex(
      /^whsec_(?=[^=]{32,86}=*$)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
      'must be whsec_ and 24 to 64 bytes in base64',
    )
    .optional(),
  /** RFC 3339 with an offset. A job that has not ended by then becomes `expired`. */
  deadline: z.iso
    .datetime({ offset: true, error: 'must be a date and time with an offset, as 2030-01-31T12:00:00Z' })
    .optional(),
  metadata: z
    .record(z.string().max(MAX_METADATA.key), z.string().max(MAX_METADATA.value))
    .refine((all) => Object.keys(all).length <= MAX_METADATA.keys, `must have at most ${MAX_METADATA.keys} keys`)
    .optional(),
});
export type JobOptions = z.output<typeof jobOptionsSchema>;
