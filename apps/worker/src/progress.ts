import { pause, timeLimit } from '@qwen-edit/async';
import type { JobProgress, PreviewData } from '@qwen-edit/contract';
import { toAppError } from '@qwen-edit/contract';
import { type Lease, recordPreview, recordProgress } from '@qwen-edit/db';
import type { Preview, StepEvent } from '@qwen-edit/pipeline';
import type { WorkerDeps } from './deps.ts';

/** Writes the progress of a job to the database. Nothing here rejects or delays the engine: what cannot be written is dropped. */
export interface ProgressWriter {
  step(event: StepEvent): void;
  preview(preview: Preview): void;
  /** Writes what is still waiting, without pauses. Stops waiting for it once the signal aborts. */
  flush(signal: AbortSignal): Promise<void>;
  stop(): void;
}

/**
 * Makes one write at a time, and at most one every `progressMs`. Of the steps that come meanwhile it keeps the newest of each
 * stage, so that the last step of every stage is in the job's events; of the previews it keeps the newest.
 */
export function createProgressWriter(
  { database: { db }, options, log }: Pick<WorkerDeps, 'database' | 'options' | 'log'>,
  lease: Lease,
): ProgressWriter {
  const steps: JobProgress[] = [];
  let waitingPreview: PreviewData | undefined;
  const flushing = new AbortController();
  const stopped = new AbortController();
  const noPauses = AbortSignal.any([flushing.signal, stopped.signal]);
  let writing: Promise<void> | undefined;
  let warned = false;
  let lastWasStep = false;

  const next = (): (() => Promise<boolean>) => {
    const preview = waitingPreview;
    // Steps and previews take turns, so that a quick row of steps cannot keep a preview waiting.
    if (preview !== undefined && (lastWasStep || steps.length === 0)) {
      lastWasStep = false;
      waitingPreview = undefined;
      return () => recordPreview(db, lease, preview);
    }
    lastWasStep = true;
    const step = steps.shift();
    return async () => step === undefined || recordProgress(db, lease, step);
  };
  const isIdle = (): boolean => steps.length === 0 && waitingPreview === undefined;
  const drain = async (): Promise<void> => {
    while (!isIdle() && !stopped.signal.aborted) {
      const limits = { ms: options.answerMs, signal: stopped.signal, late: 'database_unavailable' } as const;
      const held = await timeLimit(next(), limits).catch((thrown: unknown) => {
        if (!warned && !stopped.signal.aborted)
          log.warn({ job_id: lease.jobId, code: toAppError(thrown).code }, 'progress is not written');
        warned = true;
        return true;
      });
      if (!held) stopped.abort();
      await pause(options.progressMs, noPauses);
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
    preview({ bytes, mediaType, ...position }) {
      waitingPreview = { ...position, data_url: `data:${mediaType};base64,${Buffer.from(bytes).toString('base64')}` };
      write();
    },
    async flush(signal) {
      flushing.abort();
      if (writing === undefined || signal.aborted) return;
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => resolve(), { once: true });
      await Promise.race([writing, aborted]);
    },
    stop() {
      stopped.abort();
    },
  };
}
