import type { JobEventRow } from '@qwen-edit/db';
import { expect, it } from 'vitest';
import type { JobWatch, WaitOutcome } from '../job-watch.ts';
import { followJob, formatEvent, presentEvent, seqOfEventId } from './sse.ts';

const row = (seq: number, type: JobEventRow['type'] = 'job.progress'): JobEventRow => ({
  jobId: 'job_1',
  seq,
  type,
  data: { text: 'a\nb\r\n\u2028' },
  createdAt: new Date(0),
});

it('an event is three lines, whatever its data holds', () => {
  const lines = formatEvent(presentEvent(row(3))).split('\n');
  expect(lines).toHaveLength(5);
  expect(lines.slice(0, 2)).toEqual(['id: job_1:3', 'event: job.progress']);
  expect(JSON.parse(lines[2]!.replace('data: ', ''))).toEqual({
    id: 'job_1:3',
    job_id: 'job_1',
    seq: 3,
    type: 'job.progress',
    created_at: '1970-01-01T00:00:00.000Z',
    data: { text: 'a\nb\r\n\u2028' },
  });
});

it.each([
  ['job_1:7', 7],
  ['job_1:0', 0],
  ['job_1:', undefined],
  ['job_1:-1', undefined],
  ['job_1:x', undefined],
  ['job_2:7', undefined],
  ['7', undefined],
  ['job_1:99999999999', undefined],
])('Last-Event-ID %s', (header, seq) => {
  expect(seqOfEventId(header, 'job_1')).toBe(seq);
});

/** A watch with a script: what is read after each seq, and what each wait brings. */
function scripted(events: Record<number, JobEventRow[]>, news: WaitOutcome[]): JobWatch {
  return {
    events: async (_id, seq) => events[seq] ?? [],
    next: async () => news.shift() ?? 'stopped',
    untilEnd: async () => 'stopped',
    waiting: () => 0,
  };
}

const follow = (watch: JobWatch) =>
  Array.fromAsync(
    followJob(watch, { jobId: 'job_1', after: 0, heartbeatMs: 1, signal: new AbortController().signal }),
    (text) => text.split('\n')[0],
  );

it('a stream goes on in order, with heartbeats, and ends after the terminal event', async () => {
  const events = { 0: [row(1), row(2)], 2: [row(3)], 3: [row(4, 'job.failed'), row(5)] };
  expect(await follow(scripted(events, []))).toEqual([
    'retry: 2000',
    'id: job_1:1',
    'id: job_1:2',
    'id: job_1:3',
    'id: job_1:4',
  ]);
  expect(await follow(scripted({ 0: [row(1)] }, ['timeout', 'timeout', 'gone']))).toEqual([
    'retry: 2000',
    'id: job_1:1',
    ': heartbeat',
    ': heartbeat',
  ]);
});

it('an event that an earlier version stored shows no caller what is for whoever runs the service', () => {
  const error = { code: 'storage_unavailable', message: 'No bucket b.', hint: 'Set STORAGE_URL.', retryable: true };
  const shown = presentEvent({ ...row(4), type: 'job.retrying', data: { error, failures: 1 } });
  expect(shown.data).toMatchObject({ failures: 1, error: { code: 'storage_unavailable', retryable: true } });
  expect(JSON.stringify(shown)).not.toMatch(/bucket|STORAGE_URL/);
});
