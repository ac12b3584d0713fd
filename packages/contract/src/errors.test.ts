import { describe, expect, it } from 'vitest';
import { AppError, ERRORS, isErrorCode, toAppError } from './errors.ts';

describe('every code', () => {
  it.each(Object.entries(ERRORS))('%s has a title, a hint that says what to do, and an HTTP status', (_, facts) => {
    expect(facts.title).toMatch(/^[A-Z].*[^.]$/);
    expect(facts.hint).toMatch(/^[A-Z].*\.$/);
    expect(facts.status).toBeGreaterThanOrEqual(400);
    expect(facts.status).toBeLessThan(600);
  });

  it('is a code, and what objects have by nature is none', () => {
    expect(isErrorCode('canceled')).toBe(true);
    for (const word of ['toString', '__proto__', 'constructor', '']) expect(isErrorCode(word)).toBe(false);
  });
});

describe('whatever is thrown becomes an AppError', () => {
  it('an AppError stays itself', () => {
    const error = new AppError('disk_full', 'full', { hint: 'Free 3 GB.' });
    expect(toAppError(error)).toBe(error);
    expect(error.hint).toBe('Free 3 GB.');
    expect(new AppError('disk_full', 'full').hint).toBe(ERRORS.disk_full.hint);
  });

  it.each([
    [new TypeError('no such thing'), 'no such thing'],
    ['a text', 'a text'],
    [undefined, 'undefined'],
  ])('%s is internal, with its cause', (thrown, message) => {
    expect(toAppError(thrown)).toMatchObject({ code: 'internal', message, name: 'AppError' });
    expect(toAppError(thrown).cause).toBe(thrown);
  });
});
