import { callerJobError } from './caller-text.ts';
import type { Job, JobError, JobImage, JobStage, JobStatus, JobWaiting } from './job.ts';
import { unchangedOf } from './unchanged.ts';

/** A stored picture, as the database knows it. */
export interface PresentableImage {
  readonly sha256: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly bytes: number | null;
  readonly mediaType: string;
}

/** A job's row with its pictures and its place in the queue; a JobRecord of packages/db fits. */
export interface PresentableJob {
  readonly job: {
    readonly id: string;
    readonly status: JobStatus;
    readonly parameters: Readonly<Record<string, unknown>>;
    readonly metadata: Readonly<Record<string, string>>;
    readonly webhookUrl: string | null;
    readonly deadlineAt: Date | null;
    readonly createdAt: Date;
    readonly startedAt: Date | null;
    readonly completedAt: Date | null;
    readonly attempt: number;
    readonly cancelRequestedAt: Date | null;
    readonly stage: JobStage | null;
    readonly step: number | null;
    readonly total: number | null;
    readonly seed: string | null;
    readonly warnings: readonly string[];
    readonly receipt: Readonly<Record<string, unknown>> | null;
    /** Seconds, named as the pipeline's Timings: `encode_s` … */
    readonly timings: Readonly<Record<string, number>> | null;
    readonly error: JobError | null;
  };
  readonly inputs: readonly PresentableImage[];
  /** In order. */
  readonly outputs: readonly PresentableImage[];
  readonly queuePosition: number | undefined;
  readonly etaSeconds: number | undefined;
  /** Why nobody begins it, as far as that is known. */
  readonly waiting?: JobWaiting | undefined;
}

/** The job object of the API and the webhooks. `baseUrl` is where the API is reached, such as `https://edit.example`. */
export function presentJob(
  { job, inputs, outputs, queuePosition, etaSeconds, waiting }: PresentableJob,
  baseUrl: string,
): Job {
  const url = `${baseUrl.replace(/\/+$/, '')}/v1/jobs/${job.id}`;
  const succeeded = job.status === 'succeeded';
  return {
    id: job.id,
    object: 'job',
    status: job.status,
    cancel_requested: job.status === 'running' && job.cancelRequestedAt !== null,
    input: { ...job.parameters, images: inputs.map((input, n) => presentImage(input, `${url}/inputs/${n}`)) },
    output: succeeded
      ? outputs.map((output, index) => ({ index, ...presentImage(output, `${url}/outputs/${index}`) }))
      : null,
    // The row also keeps why the last attempt failed. The job shows it only if that ended the job.
    error: job.status === 'failed' || job.status === 'expired' ? shownError(job.error) : null,
    seed: job.seed,
    warnings: [...job.warnings],
    unchanged: [...unchangedOf(job.receipt)],
    progress: {
      queue_position: queuePosition ?? null,
      waiting: job.status === 'queued' && waiting !== undefined ? { ...waiting } : null,
      // The row of a job that waits for another attempt still has the progress of the last one.
      ...(job.status === 'queued'
        ? { stage: null, step: null, total: null }
        : { stage: job.stage, step: job.step, total: job.total }),
      eta_seconds: etaSeconds === undefined ? null : Math.max(0, etaSeconds),
    },
    attempt: job.attempt,
    metadata: { ...job.metadata },
    webhook_url: job.webhookUrl,
    deadline: timeOf(job.deadlineAt),
    receipt: job.receipt === null ? null : { ...job.receipt },
    metrics: {
      queue_time: secondsBetween(job.createdAt, job.startedAt),
      predict_time: secondsBetween(job.startedAt, job.completedAt),
      total_time: secondsBetween(job.createdAt, job.completedAt),
      encode_time: job.timings?.encode_s ?? null,
      denoise_time: job.timings?.denoise_s ?? null,
      decode_time: job.timings?.decode_s ?? null,
    },
    created_at: job.createdAt.toISOString(),
    started_at: timeOf(job.startedAt),
    completed_at: timeOf(job.completedAt),
    urls: { get: url, cancel: `${url}/cancel`, events: `${url}/events` },
  };
}

function shownError(error: JobError | null): JobError | null {
  return error === null ? null : callerJobError(error);
}

/** A picture of a job has all of these facts; only an upload lacks some. */
function presentImage({ sha256, width, height, bytes, mediaType }: PresentableImage, url: string): JobImage {
  return {
    url,
    thumbnail_url: `${url}/thumbnail`,
    sha256: sha256 ?? '',
    width: width ?? 0,
    height: height ?? 0,
    bytes: bytes ?? 0,
    media_type: mediaType,
  };
}

function timeOf(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

function secondsBetween(from: Date | null, to: Date | null): number | null {
  return from === null || to === null ? null : Math.max(0, (to.getTime() - from.getTime()) / 1000);
}
