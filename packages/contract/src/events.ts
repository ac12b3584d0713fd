import { z } from 'zod';
import { JOB_STAGES } from './job.ts';

/** Every type of event in a job's log. */
export const JOB_EVENT_TYPES = [
  'job.queued',
  'job.started',
  'job.progress',
  'job.preview',
  'job.cancel_requested',
  'job.retrying',
  'job.released',
  'job.succeeded',
  'job.failed',
  'job.canceled',
  'job.expired',
] as const;
export type JobEventType = (typeof JOB_EVENT_TYPES)[number];
const TERMINAL_EVENT_TYPES = ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired'] as const;

/** True for the event that ends a job's log. */
export function isTerminalEvent(type: JobEventType): boolean {
  return TERMINAL_EVENT_TYPES.some((each) => each === type);
}

export const jobEventSchema = z.object({
  /** The id that Last-Event-ID names: `<job id>:<seq>`. */
  id: z.string(),
  job_id: z.string(),
  /** Counts from 1 without gaps. */
  seq: z.int().min(1),
  type: z.enum(JOB_EVENT_TYPES),
  created_at: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type JobEvent = z.output<typeof jobEventSchema>;

/** GET /v1/jobs/{id}/events as JSON: a page of the log. */
export const jobEventListSchema = z.object({ data: z.array(jobEventSchema) });

/** Data of `job.progress`: `step` counts from 0 to `total` within its stage. */
export const progressDataSchema = z.object({ stage: z.enum(JOB_STAGES), step: z.int().min(0), total: z.int().min(0) });
export type JobProgress = Readonly<z.output<typeof progressDataSchema>>;
/** Data of `job.preview`: a small picture as a data URL. */
export const previewDataSchema = z.object({
  step: z.int(),
  total: z.int(),
  width: z.int(),
  height: z.int(),
  data_url: z.string(),
});
export type PreviewData = Readonly<z.output<typeof previewDataSchema>>;
