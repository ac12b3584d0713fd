import type { StepEvent } from '@qwen-edit/pipeline';
import { createLogger, createMetrics } from '@qwen-edit/telemetry';
import { expect, it } from 'vitest';
import { observeAttempt } from './observe.ts';

const JOB = {
  lease: { jobId: 'job_1', token: 'token' },
  ...{ owner: 'owner', parameters: {}, attempt: 1, inputs: [], ageMs: 0, deadlineMs: undefined, requestId: undefined },
};

async function stepsMeasured(events: readonly Omit<StepEvent, 'total'>[]): Promise<number | undefined> {
  const metrics = createMetrics();
  const log = createLogger({ level: 'silent', role: 'worker' });
  const observer = observeAttempt({ metrics, log, slot: { device: 'cpu', gpuId: null } }, JOB);
  for (const event of events) observer.step({ ...event, total: 20 });
  const { values } = await metrics.stepSeconds.get();
  return values.find(({ metricName }) => metricName === 'qwen_edit_step_seconds_count')?.value;
}

it('the time of a step is measured between two denoising steps that follow each other', async () => {
  const denoise = [0, 1, 2].map((step) => ({ stage: 'denoise' as const, step }));
  expect(await stepsMeasured([{ stage: 'encode', step: 1 }, ...denoise, { stage: 'decode', step: 0 }])).toBe(2);
});

it('a step that was foreseen is not measured, and the computed one after it is', async () => {
  const foreseen = (step: number) => ({ stage: 'denoise' as const, step, foreseen: true as const });
  const computed = (step: number) => ({ stage: 'denoise' as const, step });
  expect(await stepsMeasured([computed(0), computed(1), foreseen(2), foreseen(3), computed(4)])).toBe(2);
});
