import { expect, it } from 'vitest';
import { keyEndOf } from './key-end.ts';

it.each([
  ['90d', { afterMs: 90 * 86_400_000 }],
  ['12h', { afterMs: 12 * 3_600_000 }],
  ['30m', { afterMs: 1_800_000 }],
  ['5s', { afterMs: 5000 }],
  ['2w', { afterMs: 14 * 86_400_000 }],
  ['2027-01-31', { at: new Date('2027-01-31T00:00:00Z') }],
  ['2028-02-29', { at: new Date('2028-02-29T00:00:00Z') }],
  ['2027-01-31T18:00:00+02:00', { at: new Date('2027-01-31T16:00:00Z') }],
])('--expires %s', (said, end) => {
  expect(keyEndOf(said)).toEqual(end);
});

it.each(['', '0d', '-1d', '1.5h', '90', 'd', '90 days', '2027-02-30', '2027-13-01', '2027-01-31T18:00:00', 'tomorrow'])(
  '--expires %j is refused, with what it takes',
  (said) => {
    expect(() => keyEndOf(said)).toThrowError(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining('90d') }),
    );
  },
);
