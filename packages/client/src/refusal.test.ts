import { ERRORS } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { refusalError } from './refusal.ts';

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

it('a refusal tells what the service said, and when to come back', () => {
  expect(refusalError(429, new Headers({ 'retry-after': '42' }), JSON.stringify(PROBLEM))).toMatchObject({
    code: 'queue_full',
    message: '20 jobs are waiting.',
    hint: 'Repeat the request.',
    requestId: 'req_1',
    retryAfterSeconds: 42,
    cause: PROBLEM,
  });
});

it('a refusal names the job that may have been made all the same', () => {
  const problem = { ...PROBLEM, status: 503, code: 'database_unavailable', job_id: 'job_1' };
  expect(refusalError(503, new Headers(), JSON.stringify(problem))).toMatchObject({ jobId: 'job_1' });
});

it('a code of a newer service is internal, and its cause tells what it was', () => {
  const error = refusalError(400, new Headers(), JSON.stringify({ ...PROBLEM, code: 'moon_too_near' }));
  expect(error).toMatchObject({ code: 'internal', message: '20 jobs are waiting.', cause: { code: 'moon_too_near' } });
});

it('an answer that is not the service’s own is still told', () => {
  const away = refusalError(502, new Headers(), '<html>Bad Gateway');
  expect(away).toMatchObject({ code: 'service_unreachable' });
  expect(ERRORS[away.code].retryable).toBe(true);
  expect(refusalError(404, new Headers({ 'x-request-id': 'r' }), '')).toMatchObject({
    code: 'answer_unreadable',
    requestId: 'r',
  });
});

it.each(['', 'soon', '-1'])('a Retry-After of %j says nothing', (header) => {
  expect(refusalError(503, new Headers({ 'retry-after': header || 'x' }), '').retryAfterSeconds).toBeUndefined();
});
