import { expect, it } from 'vitest';
import { callerJobError } from './caller-text.ts';
import { jobSchema } from './job.ts';
import { type PresentableJob, presentJob } from './present-job.ts';

const error = { code: 'engine_crashed', message: 'it crashed', hint: 'Try again.', retryable: true };
const image = { sha256: 'ab', width: 4, height: 3, bytes: 9, mediaType: 'image/png' };
const time = (second: number): Date => new Date(Date.UTC(2030, 0, 1, 0, 0, second));

const record = (job: Partial<PresentableJob['job']> = {}, rest: Partial<PresentableJob> = {}): PresentableJob => ({
  job: {
    id: 'job_1',
    status: 'queued',
    parameters: { prompt: 'x', negative_prompt: null },
    metadata: {},
    webhookUrl: null,
    deadlineAt: null,
    createdAt: time(0),
    startedAt: null,
    completedAt: null,
    attempt: 0,
    cancelRequestedAt: null,
    stage: null,
    step: null,
    total: null,
    seed: null,
    warnings: [],
    receipt: null,
    timings: null,
    error: null,
    ...job,
  },
  inputs: [image],
  outputs: [],
  queuePosition: undefined,
  etaSeconds: undefined,
  ...rest,
});

it('a job that waits tells its place and how long it may take', () => {
  const job = presentJob(record({}, { queuePosition: 2, etaSeconds: 40.5 }), 'https://edit.example/');
  expect(jobSchema.parse(job)).toEqual(job);
  expect(job.input).toEqual({
    prompt: 'x',
    negative_prompt: null,
    images: [
      {
        url: 'https://edit.example/v1/jobs/job_1/inputs/0',
        thumbnail_url: 'https://edit.example/v1/jobs/job_1/inputs/0/thumbnail',
        ...{ sha256: 'ab', width: 4, height: 3, bytes: 9, media_type: 'image/png' },
      },
    ],
  });
  expect(job).toMatchObject({
    output: null,
    progress: { queue_position: 2, eta_seconds: 40.5, step: null },
    metrics: { queue_time: null, total_time: null },
    urls: {
      get: 'https://edit.example/v1/jobs/job_1',
      cancel: 'https://edit.example/v1/jobs/job_1/cancel',
      events: 'https://edit.example/v1/jobs/job_1/events',
    },
  });
});

it('why an attempt failed is told only when the job has ended by it', () => {
  const errorIn = (status: PresentableJob['job']['status']) => presentJob(record({ status, error }), 'http://x').error;
  expect(['queued', 'running', 'succeeded', 'canceled'].map((status) => errorIn(status as never))).toEqual(
    Array(4).fill(null),
  );
  const shown = callerJobError(error);
  expect([errorIn('failed'), errorIn('expired')]).toEqual([shown, shown]);
});

it('a wish to cancel is told as long as it is not fulfilled', () => {
  const cancelRequestedAt = time(1);
  expect(presentJob(record({ status: 'running', cancelRequestedAt }), 'x').cancel_requested).toBe(true);
  expect(presentJob(record({ status: 'canceled', cancelRequestedAt }), 'x').cancel_requested).toBe(false);
});

it('a job that succeeded has its results in order, and its times', () => {
  const job = presentJob(
    record(
      {
        status: 'succeeded',
        startedAt: time(2),
        completedAt: time(7),
        seed: '18446744073709551615',
        timings: { load_s: 9, encode_s: 1, denoise_s: 3, decode_s: 0.5, total_s: 4.5 },
      },
      { outputs: [image, { ...image, sha256: 'cd' }] },
    ),
    'http://127.0.0.1:7860',
  );
  expect(jobSchema.parse(job)).toEqual(job);
  expect(job.output?.map(({ index, sha256, url }) => [index, sha256, url])).toEqual([
    [0, 'ab', 'http://127.0.0.1:7860/v1/jobs/job_1/outputs/0'],
    [1, 'cd', 'http://127.0.0.1:7860/v1/jobs/job_1/outputs/1'],
  ]);
  expect(job.output?.map(({ thumbnail_url }) => thumbnail_url)).toEqual([
    'http://127.0.0.1:7860/v1/jobs/job_1/outputs/0/thumbnail',
    'http://127.0.0.1:7860/v1/jobs/job_1/outputs/1/thumbnail',
  ]);
  expect(job.metrics).toEqual({
    queue_time: 2,
    predict_time: 5,
    total_time: 7,
    encode_time: 1,
    denoise_time: 3,
    decode_time: 0.5,
  });
});
