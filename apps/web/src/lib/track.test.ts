import type { JobEvent, JobEventType } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { EMPTY_TRACK, follow, secondsPerStep, type Track } from './track.ts';

const START = Date.parse('2026-11-24T12:00:00Z');

function track(...events: readonly [type: JobEventType, seconds: number, data?: Record<string, unknown>][]): Track {
  return events
    .map(
      ([type, seconds, data = {}], i): JobEvent => ({
        id: `job_1:${i + 1}`,
        job_id: 'job_1',
        seq: i + 1,
        type,
        created_at: new Date(START + seconds * 1000).toISOString(),
        data,
      }),
    )
    .reduce(follow, EMPTY_TRACK);
}

const step = (n: number): Record<string, unknown> => ({ stage: 'denoise', step: n, total: 6 });

it('progress tells the stage, the step, and how long a step takes', () => {
  const seen = track(
    ['job.started', 0],
    ['job.progress', 2, step(0)],
    ['job.progress', 4, step(1)],
    ['job.progress', 8, step(3)],
  );
  expect(seen).toMatchObject({ running: true, stage: 'denoise', step: 3, total: 6 });
  expect(secondsPerStep(seen)).toBe(2);
});

it('before a step is done, nobody knows how long one takes', () => {
  expect(secondsPerStep(track(['job.progress', 2, step(0)]))).toBeUndefined();
});

it('an attempt that failed leaves nothing behind but why', () => {
  const seen = track(
    ['job.started', 0],
    ['job.progress', 2, step(4)],
    ['job.preview', 3, { step: 4, total: 6, width: 80, height: 56, data_url: 'data:,' }],
    ['job.retrying', 4, { error: { message: 'The engine process ended.' }, delay_ms: 1000 }],
  );
  expect(seen).toMatchObject({ running: false, step: 0, steps: [], preview: undefined });
  expect(seen.setback).toMatchObject({ kind: 'retrying', message: 'The engine process ended.', delayMs: 1000 });
});

it('the next attempt forgets the setback', () => {
  expect(track(['job.released', 1], ['job.started', 2]).setback).toBeUndefined();
});

it('an event that was told before changes nothing', () => {
  const seen = track(['job.started', 0], ['job.progress', 2, step(4)]);
  const again = { id: 'job_1:1', job_id: 'job_1', seq: 1, type: 'job.started', created_at: '', data: {} } as const;
  expect(follow(seen, again)).toBe(seen);
});

it('data of an unknown shape is passed over', () => {
  expect(track(['job.progress', 1, { stage: 'dance' }], ['job.preview', 2, {}])).toMatchObject({ seq: 2, step: 0 });
});
