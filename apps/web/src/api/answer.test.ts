import { expect, it } from 'vitest';
import { readRefusal } from './answer.ts';

const headers = (all: Record<string, string>) => (name: string) => all[name] ?? null;

it('a refusal tells what the service said, and when to come back', () => {
  const body = JSON.stringify({
    type: 'urn:qwen-edit:error:queue_full',
    title: 'The queue is full',
    status: 429,
    detail: '20 jobs are waiting.',
    code: 'queue_full',
    hint: 'Repeat the request.',
    retryable: true,
    request_id: 'req_1',
  });
  expect(readRefusal(429, headers({ 'retry-after': '42' }), body)).toEqual({
    code: 'queue_full',
    title: 'The queue is full',
    detail: '20 jobs are waiting.',
    hint: 'Repeat the request.',
    retryable: true,
    requestId: 'req_1',
    retryAfter: 42,
  });
});

it('an answer that is not the service’s own is still told', () => {
  expect(readRefusal(502, headers({}), '<html>Bad Gateway')).toMatchObject({
    code: 'service_unreachable',
    retryable: true,
  });
  expect(readRefusal(404, headers({ 'x-request-id': 'r' }), '')).toMatchObject({
    code: 'answer_unreadable',
    requestId: 'r',
  });
});
