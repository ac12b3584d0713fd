import type { ClaimedJob } from '@qwen-edit/db';
import type { EditResult, StepEvent } from '@qwen-edit/pipeline';
import type { Metrics } from '@qwen-edit/telemetry';
import type { WorkerDeps } from './deps.ts';
import type { AttemptOutcome } from './end-attempt.ts';

type ObserveDeps = Pick<WorkerDeps, 'metrics' | 'log'>;

export function observeClaim({ metrics, log }: ObserveDeps, { lease, attempt, ageMs }: ClaimedJob): void {
  log.info({ job_id: lease.jobId, attempt }, 'a job is begun');
  if (attempt === 1) metrics.queueWaitSeconds.observe(ageMs / 1000);
}

export function observeOutcome(
  { metrics, log }: ObserveDeps,
  { lease, attempt }: ClaimedJob,
  outcome: AttemptOutcome,
): void {
  const code = 'error' in outcome ? outcome.error.code : '';
  metrics.outcomes.inc({ outcome: outcome.status, code });
  const failure = 'error' in outcome ? { code, error: outcome.error.message } : {};
  log.info({ job_id: lease.jobId, attempt, outcome: outcome.status, ...failure }, 'an attempt has ended');
}

export function observeTimings(metrics: Metrics, { timings }: EditResult): void {
  metrics.stageSeconds.observe({ stage: 'encode' }, timings.encode_s);
  metrics.stageSeconds.observe({ stage: 'denoise' }, timings.denoise_s);
  metrics.stageSeconds.observe({ stage: 'decode' }, timings.decode_s);
}

/** Measures the time between the events of two denoising steps that follow each other. */
export function observeSteps({ stepSeconds }: Metrics): (event: StepEvent) => void {
  let last: { readonly step: number; readonly at: number } | undefined;
  return ({ stage, step }) => {
    const at = performance.now();
    if (stage !== 'denoise') return;
    if (last !== undefined && step === last.step + 1) stepSeconds.observe((at - last.at) / 1000);
    last = { step, at };
  };
}
