import type { JobStage } from '@qwen-edit/contract';
import type { ClaimedJob } from '@qwen-edit/db';
import type { EditResult, StepEvent } from '@qwen-edit/pipeline';
import type { Metrics } from '@qwen-edit/telemetry';
import type { SlotDeps } from './deps.ts';
import type { AttemptOutcome } from './end-attempt.ts';

type ObserveDeps = Pick<SlotDeps, 'metrics' | 'log' | 'slot'>;

/** Measures one attempt, and logs its begin and its end: ids, times and codes, never a prompt. */
export interface AttemptObserver {
  step(event: StepEvent): void;
  /** Runs the engine's part of the attempt, and measures how long it takes. */
  engineWorks<T>(work: () => Promise<T>): Promise<T>;
  result(result: EditResult): void;
  ended(outcome: AttemptOutcome): void;
}

/** What ends the job too. */
const ENDS: ReadonlySet<string> = new Set<AttemptOutcome['status']>(['succeeded', 'failed', 'canceled']);
const PLAIN_OUTCOMES = [
  'succeeded',
  'canceled',
  'released',
  'lost',
  'unknown',
] as const satisfies readonly AttemptOutcome['status'][];

/**
 * Lets the counts of a worker begin at 0, so that Prometheus sees the first of each as an increase. Those with the code of an error
 * begin at 1.
 */
export function showZeros({ outcomes, loopErrors }: Pick<Metrics, 'outcomes' | 'loopErrors'>, device: string): void {
  for (const outcome of PLAIN_OUTCOMES) outcomes.inc({ outcome, code: '', device }, 0);
  loopErrors.inc({ loop: 'worker' }, 0);
}

/** Call it when the job has been claimed. */
export function observeAttempt({ metrics, log, slot: { device } }: ObserveDeps, job: ClaimedJob): AttemptObserver {
  const { lease, attempt, ageMs, requestId, owner } = job;
  const ids = { job_id: lease.jobId, attempt, owner, request_id: requestId };
  const begun = performance.now();
  const observeStep = observeSteps(metrics, device);
  const measured = measureStages(begun);
  let engineSeconds = 0;
  let seconds: Partial<Record<JobStage, number>> | undefined;

  log.info(ids, 'a job is begun');
  if (attempt === 1) metrics.queueWaitSeconds.observe(ageMs / 1000);
  return {
    step(event) {
      observeStep(event);
      measured.step(event);
    },
    async engineWorks(work) {
      const started = performance.now();
      try {
        return await work();
      } finally {
        engineSeconds += (performance.now() - started) / 1000;
      }
    },
    result({ timings }) {
      seconds = { encode: timings.encode_s, denoise: timings.denoise_s, decode: timings.decode_s };
      for (const [stage, value] of Object.entries(seconds)) metrics.stageSeconds.observe({ stage, device }, value);
    },
    ended(outcome) {
      const code = 'error' in outcome ? outcome.error.code : '';
      const { status } = outcome;
      metrics.outcomes.inc({ outcome: status, code, device });
      if (ENDS.has(status)) metrics.jobSeconds.observe({ outcome: status }, (ageMs + performance.now() - begun) / 1000);
      // An attempt that never reached the engine cost none of its time.
      if (engineSeconds > 0) {
        metrics.engineSeconds.inc({ device, outcome: status }, engineSeconds);
        metrics.ownerEngineSeconds.add(owner, engineSeconds);
      }
      const line = {
        ...ids,
        outcome: status,
        duration_ms: Math.round(performance.now() - begun),
        // An attempt without a result has come through some stages: its steps tell how long each took so far.
        stage_seconds: rounded(seconds ?? measured.seconds()),
        // The error's own words, which the job does not show to callers.
        ...('error' in outcome ? { code, error: outcome.error.message } : {}),
      };
      log.info(line, 'an attempt has ended');
    },
  };
}

/** The time between the last step of one stage and the last step of the next, as a worker hears of them. */
function measureStages(begun: number) {
  const ends = new Map<JobStage, number>();
  return {
    step: ({ stage }: StepEvent): void => void ends.set(stage, performance.now()),
    seconds(): Partial<Record<JobStage, number>> {
      let start = begun;
      const seconds: Partial<Record<JobStage, number>> = {};
      for (const [stage, end] of ends) {
        seconds[stage] = (end - start) / 1000;
        start = end;
      }
      return seconds;
    },
  };
}

function rounded(seconds: Partial<Record<JobStage, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(seconds).map(([stage, value]) => [stage, Math.round(value * 1000) / 1000]));
}

/** Measures the time between the events of two denoising steps that follow each other, if the later one was computed. */
function observeSteps({ stepSeconds }: Metrics, device: string): (event: StepEvent) => void {
  let last: { readonly step: number; readonly at: number } | undefined;
  return ({ stage, step, foreseen }) => {
    const at = performance.now();
    if (stage !== 'denoise') return;
    if (last !== undefined && step === last.step + 1 && foreseen !== true)
      stepSeconds.observe({ device }, (at - last.at) / 1000);
    last = { step, at };
  };
}
