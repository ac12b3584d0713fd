import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@qwen-edit/contract';
import type { StepEvent } from '@qwen-edit/pipeline';
import { createLogger, createMetrics, type Metrics } from '@qwen-edit/telemetry';
import { expect, it } from 'vitest';
import { type AttemptObserver, observeAttempt, showZeros } from './observe.ts';

const JOB = {
  lease: { jobId: 'job_1', token: 'token' },
  ...{ owner: 'owner', parameters: {}, attempt: 1, inputs: [], ageMs: 0, deadlineMs: undefined, requestId: undefined },
};

const log = createLogger({ level: 'silent', role: 'worker' });
const observe = (metrics: Metrics, job = JOB): AttemptObserver =>
  observeAttempt({ metrics, log, slot: { device: 'cpu', gpuId: null } }, job);
const FAILURE = new AppError('engine_crashed', 'it crashed');

async function stepsMeasured(events: readonly Omit<StepEvent, 'total'>[]): Promise<number | undefined> {
  const metrics = createMetrics();
  const observer = observe(metrics);
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

it('an engine’s seconds are counted by what became of the attempt and by owner, also if it fails', async () => {
  const metrics = createMetrics();
  const succeeds = observe(metrics, { ...JOB, owner: 'ann' });
  await succeeds.engineWorks(() => delay(30));
  succeeds.ended({ status: 'succeeded' });
  const fails = observe(metrics, { ...JOB, owner: 'bob' });
  await expect(fails.engineWorks(async () => delay(20).then(() => Promise.reject(FAILURE)))).rejects.toBe(FAILURE);
  fails.ended({ status: 'retried', error: FAILURE, delayMs: 0 });

  const { values } = await metrics.engineSeconds.get();
  expect(values.map(({ labels }) => labels)).toEqual([
    { device: 'cpu', outcome: 'succeeded' },
    { device: 'cpu', outcome: 'retried' },
  ]);
  expect(values[0]?.value).toBeGreaterThan(0.02);
  expect(values[1]?.value).toBeGreaterThan(0.01);
  const text = await metrics.scrape({ owners: true });
  for (const [i, owner] of ['ann', 'bob'].entries())
    expect(text).toContain(`qwen_edit_owner_engine_seconds_total{owner="${owner}"} ${values[i]?.value}`);
});

it('an attempt that never reached the engine has no engine seconds', async () => {
  const metrics = createMetrics();
  observe(metrics).ended({ status: 'released' });
  expect((await metrics.engineSeconds.get()).values).toEqual([]);
});

it('the time of a job counts from its submission, and only when the job has ended', async () => {
  const metrics = createMetrics();
  const job = { ...JOB, ageMs: 90_000, attempt: 2 };
  observe(metrics, job).ended({ status: 'retried', error: FAILURE, delayMs: 0 });
  observe(metrics, job).ended({ status: 'lost' });
  observe(metrics, job).ended({ status: 'succeeded' });
  const { values } = await metrics.jobSeconds.get();
  const sums = values.filter(({ metricName }) => metricName === 'qwen_edit_job_seconds_sum');
  expect(sums).toMatchObject([{ labels: { outcome: 'succeeded' } }]);
  expect(sums[0]?.value).toBeGreaterThanOrEqual(90);
  expect(sums[0]?.value).toBeLessThan(90 + 60);
});

it('what has not happened yet is counted as 0, so that the first time is seen as an increase', async () => {
  const metrics = createMetrics();
  showZeros(metrics, 'cpu');
  const text = await metrics.scrape({ owners: false });
  expect(text).toContain('qwen_edit_attempts_total{outcome="lost",code="",device="cpu"} 0');
  expect(text).toContain('qwen_edit_loop_errors_total{loop="worker"} 0');
});
