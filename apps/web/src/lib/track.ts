import { type JobEvent, type JobStage, previewDataSchema, progressDataSchema, type Size } from '@qwen-edit/contract';

export interface TrackPreview extends Size {
  readonly url: string;
  readonly step: number;
}

/** Why a job that had started waits again. */
export type Setback =
  | { readonly kind: 'retrying'; readonly message: string | undefined; readonly at: number; readonly delayMs: number }
  | { readonly kind: 'released'; readonly at: number };

/** What the log of a job says so far. Times are milliseconds since 1970, by the service's clock. */
export interface Track {
  /** Of the last event: the log is read from there on. */
  readonly seq: number;
  readonly running: boolean;
  readonly stage: JobStage | undefined;
  readonly step: number;
  readonly total: number;
  /** When each denoising step of this attempt was done. */
  readonly steps: readonly { readonly step: number; readonly at: number }[];
  readonly preview: TrackPreview | undefined;
  readonly cancelRequested: boolean;
  readonly setback: Setback | undefined;
}

const FRESH = { running: false, stage: undefined, step: 0, total: 0, steps: [], preview: undefined } as const;

export const EMPTY_TRACK: Track = { seq: 0, ...FRESH, cancelRequested: false, setback: undefined };

/** The track after one more event. An event that it has already changes nothing: a log may arrive twice. */
export function follow(track: Track, event: JobEvent): Track {
  if (event.seq <= track.seq) return track;
  const at = Date.parse(event.created_at);
  const next = { ...track, seq: event.seq };
  switch (event.type) {
    case 'job.started':
      return { ...next, ...FRESH, running: true, setback: undefined };
    case 'job.progress':
      return withProgress(next, event.data, at);
    case 'job.preview': {
      const preview = previewDataSchema.safeParse(event.data);
      if (!preview.success) return next;
      const { data_url, width, height, step } = preview.data;
      return { ...next, preview: { url: data_url, width, height, step } };
    }
    case 'job.cancel_requested':
      return { ...next, cancelRequested: true };
    case 'job.retrying':
      return { ...next, ...FRESH, setback: { kind: 'retrying', at, ...retryFacts(event.data) } };
    case 'job.released':
      return { ...next, ...FRESH, setback: { kind: 'released', at } };
    case 'job.queued':
    case 'job.succeeded':
    case 'job.failed':
    case 'job.canceled':
    case 'job.expired':
      return next;
  }
}

function withProgress(track: Track, data: JobEvent['data'], at: number): Track {
  const progress = progressDataSchema.safeParse(data);
  if (!progress.success) return track;
  const { stage, step, total } = progress.data;
  const steps = stage === 'denoise' ? [...track.steps, { step, at }] : track.steps;
  return { ...track, running: true, stage, step, total, steps };
}

function retryFacts(data: JobEvent['data']): { message: string | undefined; delayMs: number } {
  const { error, delay_ms } = data;
  const told = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return {
    message: typeof told === 'string' ? told : undefined,
    delayMs: typeof delay_ms === 'number' ? delay_ms : 0,
  };
}

/** Seconds for a denoising step, measured in this attempt; undefined before it can be known. */
export function secondsPerStep({ steps }: Pick<Track, 'steps'>): number | undefined {
  const first = steps[0];
  const last = steps.at(-1);
  if (first === undefined || last === undefined || last.step <= first.step) return undefined;
  return (last.at - first.at) / 1000 / (last.step - first.step);
}
