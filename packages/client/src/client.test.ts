import { expect, it } from 'vitest';
import { createClient } from './client.ts';
import type { Fetch } from './request.ts';

interface Call {
  readonly url: string;
  readonly init: RequestInit;
}

/** A client whose service answers as `answer` says, and the calls that it got. */
function setUp(
  answer: (call: Call) => Response | Promise<Response>,
  options: { baseUrl?: string; apiKey?: string } = {},
) {
  const calls: Call[] = [];
  const send: Fetch = async (url, init) => {
    calls.push({ url, init });
    return answer({ url, init });
  };
  const client = createClient({ baseUrl: 'http://edit.example/under/a/path', fetch: send, ...options });
  return { client, calls };
}

const MODELS = { data: [], defaults: {}, limits: {} };

it('calls go below the path of the service, with the key', async () => {
  const { client, calls } = setUp(() => Response.json(MODELS), { apiKey: 'secret' });
  expect(await client.models()).toEqual(MODELS);
  expect(calls[0]?.url).toBe('http://edit.example/under/a/path/v1/models');
  expect(new Headers(calls[0]?.init.headers).get('authorization')).toBe('Bearer secret');
  expect(client.thumbnailUrl('job/1', 'outputs', 2)).toBe(
    'http://edit.example/under/a/path/v1/jobs/job%2F1/outputs/2/thumbnail',
  );
  const plain = setUp(() => Response.json(MODELS), { baseUrl: 'http://127.0.0.1:7860' });
  await plain.client.models();
  expect(plain.calls[0]?.url).toBe('http://127.0.0.1:7860/v1/models');
  expect(new Headers(plain.calls[0]?.init.headers).get('authorization')).toBeNull();
});

it('a list asks only for what was said', async () => {
  const { client, calls } = setUp(() => Response.json({ data: [], next_cursor: null }));
  await client.list({});
  await client.list({ limit: 5, status: 'failed,expired', q: undefined, cursor: 'c' });
  expect(calls.map(({ url }) => new URL(url).search)).toEqual(['', '?limit=5&status=failed%2Cexpired&cursor=c']);
});

it('a submission is one form, whose sender can be another than fetch', async () => {
  const { client, calls } = setUp(() => Response.json(MODELS));
  let sent: RequestInit = {};
  const send: Fetch = async (_, init) => {
    sent = init;
    throw new TypeError('away');
  };
  const images = [new Uint8Array([1, 2]), new Blob(['abc'])];
  const submitted = client.submit({ images, parameters: { prompt: 'x' }, idempotencyKey: 'k' }, undefined, send);
  await expect(submitted).rejects.toMatchObject({ code: 'service_unreachable' });
  expect(calls).toEqual([]);
  const form = sent.body as FormData;
  expect(form.get('params')).toBe('{"prompt":"x"}');
  expect(form.getAll('image').map((file) => (file as File).size)).toEqual([2, 3]);
  expect(new Headers(sent.headers).get('idempotency-key')).toBe('k');
});

it('a log is read to its end, page by page', async () => {
  const { client, calls } = setUp(({ url }) => {
    const after = Number(new URL(url).searchParams.get('after'));
    const count = after === 2 ? 1000 : 3;
    const data = Array.from({ length: count }, (_, i) => {
      const seq = after + i + 1;
      return { id: `job_1:${seq}`, job_id: 'job_1', seq, type: 'job.progress', created_at: '', data: {} };
    });
    return Response.json({ data });
  });
  const events = await client.log('job_1', { after: 2 });
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 1003 }, (_, i) => i + 3));
  expect(calls).toHaveLength(2);
});

it('an answer of another form is said to be unreadable, with the request’s id', async () => {
  const headers = { 'x-request-id': 'req_9' };
  for (const body of ['<html>', '{"data":1}']) {
    const { client } = setUp(() => new Response(body, { headers }));
    await expect(client.models()).rejects.toMatchObject({ code: 'answer_unreadable', requestId: 'req_9' });
  }
});

it('nobody who answers, and a call that was given up, are two things', async () => {
  const { client } = setUp(() => Promise.reject(new TypeError('fetch failed')));
  await expect(client.get('job_1')).rejects.toMatchObject({
    code: 'service_unreachable',
    message: 'No service answers at http://edit.example/under/a/path.',
  });
  await expect(client.get('job_1', AbortSignal.abort())).rejects.toMatchObject({ code: 'canceled' });
});

it('a body that breaks off is a service that went away', async () => {
  const body = new ReadableStream({ start: (controller) => controller.error(new TypeError('terminated')) });
  const { client } = setUp(() => new Response(body));
  await expect(client.picture('job_1', 'inputs', 0)).rejects.toMatchObject({ code: 'service_unreachable' });
});
