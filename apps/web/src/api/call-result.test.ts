import { createClient } from '@qwen-edit/client';
import { expect, it } from 'vitest';
import { type CallResult, createCallService } from './call-result.ts';

/** How a call ends that a service answers so. */
async function resultOf(response: Response | Error, signal?: AbortSignal): Promise<CallResult<unknown>> {
  const heard: CallResult<unknown>[] = [];
  const send = async (): Promise<Response> => {
    if (response instanceof Error) throw response;
    return response;
  };
  const callService = createCallService(createClient({ baseUrl: 'http://page', fetch: send }), (result) => {
    heard.push(result);
  });
  const result = await callService((client) => client.models(signal));
  expect(heard).toEqual([result]);
  return result;
}

const PROBLEM = {
  type: 'urn:qwen-edit:error:queue_full',
  title: 'The queue is full',
  status: 429,
  detail: '20 jobs are waiting.',
  code: 'queue_full',
  hint: 'Repeat the request.',
  retryable: true,
  request_id: 'req_1',
};

it('a refusal tells what the service said, and when to come back', async () => {
  const response = Response.json(PROBLEM, { status: 429, headers: { 'retry-after': '42' } });
  expect(await resultOf(response)).toEqual({
    ok: false,
    failure: {
      code: 'queue_full',
      title: 'The queue is full',
      detail: '20 jobs are waiting.',
      hint: 'Repeat the request.',
      retryable: true,
      requestId: 'req_1',
      retryAfter: 42,
    },
  });
});

it('a code of a newer service keeps its name and title', async () => {
  const problem = { ...PROBLEM, code: 'moon_too_near', title: 'The moon is too near' };
  expect(await resultOf(Response.json(problem, { status: 400 }))).toMatchObject({
    failure: { code: 'moon_too_near', title: 'The moon is too near' },
  });
});

it('an answer that is not the service’s own is still told', async () => {
  expect(await resultOf(new Response('<html>Bad Gateway', { status: 502 }))).toMatchObject({
    failure: { code: 'service_unreachable', retryable: true },
  });
  expect(await resultOf(new Response('', { status: 404, headers: { 'x-request-id': 'r' } }))).toMatchObject({
    failure: { code: 'answer_unreadable', requestId: 'r' },
  });
});

it('a call that nobody answers, and one that the page gave up, say so in the page’s own words', async () => {
  const away = await resultOf(new TypeError('fetch failed'));
  expect(away).toMatchObject({ failure: { code: 'service_unreachable', detail: undefined, retryable: true } });
  const stopped = await resultOf(new TypeError('aborted'), AbortSignal.abort());
  expect(stopped).toMatchObject({ failure: { code: 'canceled', detail: undefined, retryable: false } });
});

it('what a call gave is its value', async () => {
  const models = { data: [], defaults: {}, limits: {} };
  expect(await resultOf(Response.json(models))).toEqual({ ok: true, value: models });
});
