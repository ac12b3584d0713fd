import { AppError } from '@qwen-edit/contract';
import { expect, it } from 'vitest';
import { describeError } from './describe-error.ts';

it('an error is logged with its causes and places, but without the parameters of a query', () => {
  const inner = Object.assign(new Error('column "x" does not exist'), { code: '42703' });
  const query = Object.assign(new Error('Failed query: insert\nparams: private words', { cause: inner }), {
    params: ['private words'],
  });
  const described = describeError(new AppError('internal', 'it failed', { cause: query }));
  expect(described.map(({ message }) => message)).toEqual([
    'it failed',
    'the query failed',
    'column "x" does not exist',
  ]);
  expect(described[2]).toMatchObject({ code: '42703' });
  expect(JSON.stringify(described)).not.toContain('private');
  expect(described[0]?.frames[0]).toContain('describe-error.test.ts');
});

it('a thrown value that is not an error, and causes in a circle, come to an end', () => {
  expect(describeError('private')).toEqual([{ name: 'string', message: 'no error was thrown', frames: [] }]);
  const circle = new Error('round');
  circle.cause = circle;
  expect(describeError(circle)).toHaveLength(5);
});
