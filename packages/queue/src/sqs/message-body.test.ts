import { expect, it } from 'vitest';
import { parseBody, writeBody } from './message-body.ts';

it('what is written is read', () => {
  expect(JSON.parse(writeBody('job_1'))).toEqual({ v: 1, job_id: 'job_1' });
  expect(parseBody(writeBody('job_1'))).toEqual({ kind: 'job', jobId: 'job_1' });
});

it('a later version is told from what is malformed', () => {
  expect(parseBody('{"v":2,"jobs":["a"]}')).toEqual({ kind: 'later' });
  for (const body of [undefined, '', 'job_1', 'null', '[]', '{"v":0}', '{"v":1}', '{"v":1.5}', '{"v":"2"}']) {
    expect(parseBody(body), String(body)).toEqual({ kind: 'malformed' });
  }
  expect(parseBody(`{"v":1,"job_id":"${'x'.repeat(101)}"}`)).toEqual({ kind: 'malformed' });
});
