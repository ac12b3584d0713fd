import type { ClaimedJob } from '@qwen-edit/db';
import type { EditResult, StepEvent } from '@qwen-edit/pipeline';
import type { Metrics } from '@qwen-edit/telemetry';
import type { WorkerDeps } from './deps.ts';
import type { Outcome } from './end-attempt.ts';

type Deps = Pick<WorkerDeps, 'metrics' | 'log'>;

export function noteClaim({ metrics, log }: Deps, { lease, attempt, ageMs }: ClaimedJob): void {
  log.info({ job_id: lease.jobId, attempt }, 'a job is begun');
  if (attempt === 1) metrics.queueWaitSeconds.observe(ageMs / 1000);
}

export function noteAttempt({ metrics, log }: Deps, { lease, attempt }: ClaimedJob, outcome: Outcome): void {
  const code = 'error' in outcome ? outcome.error.code : '';
  metrics.outcomes.inc({ outcome: outcome.became, code });
  const said = 'error' in outcome ? { code, error: outcome.error.message } : {};
  log.info({ job_id: lease.jobId, attempt, outcome: outcome.became, ...said }, 'an attempt has ended');
}

export function noteTimings(metrics: Metrics, { timings }: EditResult): void {
  metrics.stageSeconds.observe({ stage: 'encode' }, timings.encode_s);
  metrics.stageSeconds.observe({ stage: 'denoise' }, timings.denoise_s);
  metrics.stageSeconds.observe({ stage: 'decode' }, timings.decode_s);
}

/** Times the denoising steps between their events. */
export function timeSteps({ stepSeconds }: Metrics): (event: StepEvent) => void {
  let last: { readonly step: number; readonly at: number } | undefined;
  return ({ stage, step }) => {
    const at = performance.now();
    if (stage !== 'denoise') return;
    if (last !== undefined && step === last.step + 1) stepSeconds.observe((at - last.at) / 1000);
    last = { step, at };
  };
}
