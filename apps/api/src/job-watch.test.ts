import type { JobEventRow } from '@qwen-edit/db';
import { createLogger } from '@qwen-edit/telemetry';
import { expect, it } from 'vitest';
import { createJobWatch } from './job-watch.ts';

const row = (seq: number, type: JobEventRow['type']): JobEventRow => ({
  jobId: 'job_1',
  seq,
  type,
  data: {},
  createdAt: new Date(0),
});

function start() {
  const seqs = new Map<string, number>([['job_1', 1]]);
  const log: string[] = [];
  const stopper = new AbortController();
  const state = { rounds: 0, reads: 0, asked: 0, failing: false, events: [] as JobEventRow[] };
  const watch = createJobWatch({
    async readSeqs(ids) {
      state.rounds++;
      state.asked = ids.length;
      if (state.failing) throw new Error('away');
      return new Map(seqs);
    },
    async readEvents(_id, seq) {
      state.reads++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return state.events.filter((event) => event.seq > seq);
    },
    pollMs: 5,
    log: createLogger({ level: 'info', role: 'test', write: (line) => void log.push(line) }),
    stopping: stopper.signal,
  });
  return { watch, seqs, state, log, stopper, signal: new AbortController().signal };
}

it('a thousand readers of one job are one query a round, and one reading of what is new', async () => {
  const { watch, seqs, state, signal } = start();
  const readers = Array.from({ length: 1000 }, () => watch.next('job_1', 1, { signal }));
  await expect.poll(() => state.rounds).toBeGreaterThan(1);
  expect(state.asked).toBe(1);
  seqs.set('job_1', 2);
  expect(new Set(await Promise.all(readers))).toEqual(new Set(['newer']));
  await Promise.all(readers.map(() => watch.events('job_1', 1)));
  expect(state.reads).toBe(1);
});

it('nothing is asked while nobody waits', async () => {
  const { watch, state, signal } = start();
  expect(await watch.next('job_1', 1, { signal, timeoutMs: 20 })).toBe('timeout');
  const { rounds } = state;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect([state.rounds, watch.waiting()]).toEqual([rounds, 0]);
});

it('a wait ends with its signal, with the job, and with the process', async () => {
  const { watch, seqs, stopper, signal } = start();
  const caller = new AbortController();
  const aborted = watch.next('job_1', 1, { signal: caller.signal });
  caller.abort();
  expect(await aborted).toBe('aborted');
  expect(await watch.next('job_1', 1, { signal: caller.signal })).toBe('aborted');

  const gone = watch.next('job_1', 1, { signal });
  seqs.clear();
  expect(await gone).toBe('gone');

  seqs.set('job_1', 1);
  const stopped = watch.next('job_1', 1, { signal });
  stopper.abort();
  expect(await stopped).toBe('stopped');
  expect(await watch.next('job_1', 1, { signal })).toBe('stopped');
  expect(watch.waiting()).toBe(0);
});

it('a database that is away is waited for, and told once', async () => {
  const { watch, seqs, state, log, signal } = start();
  state.failing = true;
  const news = watch.next('job_1', 1, { signal });
  await expect.poll(() => state.rounds, { timeout: 5000 }).toBeGreaterThan(1);
  seqs.set('job_1', 2);
  state.failing = false;
  expect(await news).toBe('newer');
  expect(log).toHaveLength(1);
});

it('the end of a job is its terminal event', async () => {
  const { watch, seqs, state, signal } = start();
  const ended = watch.untilEnd('job_1', 1, { signal });
  state.events = [row(2, 'job.started')];
  seqs.set('job_1', 2);
  await expect.poll(() => state.reads).toBeGreaterThan(0);
  state.events = [row(2, 'job.started'), row(3, 'job.failed')];
  seqs.set('job_1', 3);
  expect(await ended).toBe('ended');
  expect(await watch.untilEnd('job_1', 3, { signal, timeoutMs: 20 })).toBe('timeout');
});
