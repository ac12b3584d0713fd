import type { Job } from '@qwen-edit/contract';
import { secondsPerStep, type Track } from './track.ts';

/** What the service last said about a job, and when that was. Milliseconds by this machine's clock. */
export interface Heard {
  readonly etaSeconds: number | null;
  readonly at: number;
}

/**
 * Seconds until a job ends. While it denoises, its own pace is the best measure; else the service's estimate, less the time
 * since. undefined if nothing is known. `lastStepAt`: when this page learned of the last step.
 */
export function secondsLeft(
  track: Track,
  lastStepAt: number | undefined,
  heard: Heard,
  now: number,
): number | undefined {
  const pace = secondsPerStep(track);
  if (track.stage === 'denoise' && pace !== undefined && lastStepAt !== undefined) {
    return Math.max(0, (track.total - track.step) * pace - (now - lastStepAt) / 1000);
  }
  if (heard.etaSeconds === null) return undefined;
  return Math.max(0, heard.etaSeconds - (now - heard.at) / 1000);
}

/** Shares of the work before and after denoising, as on a progress bar. */
const ENCODE_SHARE = 0.08;
const DECODE_SHARE = 0.06;

/** How much of a running job is done, 0 to 1. */
export function fractionDone({ stage, step, total }: Pick<Track, 'stage' | 'step' | 'total'>): number {
  const part = total === 0 ? 0 : Math.min(1, step / total);
  if (stage === 'denoise') return ENCODE_SHARE + part * (1 - ENCODE_SHARE - DECODE_SHARE);
  if (stage === 'decode') return 1 - DECODE_SHARE + part * DECODE_SHARE;
  return stage === 'encode' ? part * ENCODE_SHARE : 0;
}

/** The progress that the job object alone shows, before its log is read. */
export function progressOf(job: Job, track: Track): Pick<Track, 'stage' | 'step' | 'total'> {
  if (track.stage !== undefined) return track;
  const { stage, step, total } = job.progress;
  return { stage: stage ?? undefined, step: step ?? 0, total: total ?? 0 };
}
