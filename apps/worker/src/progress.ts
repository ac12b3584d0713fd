import { toAppError } from '@qwen-edit/contract';
import { type JobProgress, type Lease, type PreviewData, recordPreview, recordProgress } from '@qwen-edit/db';
import type { Preview, StepEvent } from '@qwen-edit/pipeline';
import type { WorkerDeps } from './deps.ts';
import { answerWithin, pause } from './pause.ts';

/** Writes down where a job is. Nothing here rejects or delays the engine: what cannot be written is left out. */
export interface ProgressWriter {
  step(event: StepEvent): void;
  preview(preview: Preview): void;
  /** Writes what is still to be written, without pauses, as long as `over` lets it. */
  flush(over: AbortSignal): Promise<void>;
  stop(): void;
}

/**
 * One write at a time, and at most one every `progressMs`. Of the steps that come meanwhile the newest of each stage is kept,
 * so that the last of every stage is in the log; of the previews the newest.
 */
export function createProgressWriter(
  { database: { db }, options, log }: Pick<WorkerDeps, 'database' | 'options' | 'log'>,
  lease: Lease,
): ProgressWriter {
  const steps: JobProgress[] = [];
  let picture: PreviewData | undefined;
  const hurry = new AbortController();
  const stopped = new AbortController();
  const haste = AbortSignal.any([hurry.signal, stopped.signal]);
  let writing: Promise<void> | undefined;
  let complained = false;
  let stepWasLast = false;

  const next = (): (() => Promise<boolean>) => {
    const preview = picture;
    // Steps that never end must not keep a preview waiting.
    if (preview !== undefined && (stepWasLast || steps.length === 0)) {
      stepWasLast = false;
      picture = undefined;
      return () => recordPreview(db, lease, preview);
    }
    stepWasLast = true;
    const step = steps.shift();
    return async () => step === undefined || recordProgress(db, lease, step);
  };
  const isIdle = (): boolean => steps.length === 0 && picture === undefined;
  const drain = async (): Promise<void> => {
    while (!isIdle() && !stopped.signal.aborted) {
      const answer = answerWithin(next()(), { ms: options.answerMs, signal: stopped.signal });
      const held = await answer.catch((thrown: unknown) => {
        if (!complained && !stopped.signal.aborted)
          log.warn({ job_id: lease.jobId, code: toAppError(thrown).code }, 'progress is not written');
        complained = true;
        return true;
      });
      if (!held) stopped.abort();
      await pause(options.progressMs, haste);
    }
    writing = undefined;
  };
  const write = (): void => {
    if (!stopped.signal.aborted) writing ??= drain();
  };

  return {
    step({ stage, step, total }) {
      if (steps.at(-1)?.stage === stage) steps.pop();
      steps.push({ stage, step, total });
      write();
    },
    preview({ bytes, mediaType, ...where }) {
      picture = { ...where, data_url: `data:${mediaType};base64,${Buffer.from(bytes).toString('base64')}` };
      write();
    },
    async flush(over) {
      hurry.abort();
      if (writing === undefined || over.aborted) return;
      const { promise: given, resolve: giveUp } = Promise.withResolvers<void>();
      over.addEventListener('abort', () => giveUp(), { once: true });
      await Promise.race([writing, given]);
    },
    stop() {
      stopped.abort();
    },
  };
}
