import { expect, it } from 'vitest';
import { createClient } from './client.ts';

const event = (seq: number, type: string) => ({
  id: `job_1:${seq}`,
  job_id: 'job_1',
  seq,
  type,
  created_at: '',
  data: {},
});
const EVENTS = [event(1, 'job.queued'), event(2, 'job.moved_to_moon'), event(3, 'job.succeeded')];

const JOB = {
  ...{ id: 'job_1', object: 'job', status: 'running', cancel_requested: false, input: { images: [] }, output: null },
  ...{ error: null, seed: null, warnings: [], attempt: 1, metadata: {}, webhook_url: null, deadline: null },
  progress: { queue_position: null, stage: 'upscale', step: 1, total: 2, eta_seconds: null, moon: 'near' },
  receipt: null,
  metrics: {
    ...{
      queue_time: 1,
      predict_time: null,
      total_time: null,
      encode_time: null,
      denoise_time: null,
      decode_time: null,
    },
  },
  ...{ created_at: '', started_at: null, completed_at: null, urls: { get: '', cancel: '', events: '' }, new_key: 1 },
};

function clientOf(answer: (url: string) => Response) {
  const calls: string[] = [];
  const client = createClient({
    baseUrl: 'http://edit.example',
    fetch: async (url) => {
      calls.push(url);
      return answer(url);
    },
  });
  return { client, calls };
}

it('a client reads a job of a later service: unknown keys and stages are passed over', async () => {
  const { client } = clientOf((url) =>
    Response.json(url.includes('/v1/jobs?') ? { data: [JOB], next_cursor: null, more: 1 } : JOB),
  );
  expect((await client.get('job_1')).progress).toMatchObject({ stage: null, step: 1, total: 2 });
  expect((await client.list({})).data).toHaveLength(1);
});

it('a client passes over events of further types, in a log and in a stream, and opens the stream once', async () => {
  const { client, calls } = clientOf((url) =>
    url.includes('?')
      ? Response.json({ data: EVENTS })
      : new Response(EVENTS.map((each) => `id: ${each.id}\ndata: ${JSON.stringify(each)}\n\n`).join('')),
  );
  expect((await client.log('job_1')).map(({ seq }) => seq)).toEqual([1, 3]);
  const seen: number[] = [];
  for await (const { seq } of client.events('job_1')) seen.push(seq);
  expect(seen).toEqual([1, 3]);
  expect(calls).toHaveLength(2);
});
