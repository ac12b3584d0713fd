import { expect, it } from 'vitest';
import { fractionDone, secondsLeft } from './eta.ts';
import { EMPTY_TRACK } from './track.ts';

const NOTHING = { etaSeconds: null, at: 0 };
const pace = {
  steps: [
    { step: 0, at: 0 },
    { step: 2, at: 4000 },
  ],
  stage: 'denoise',
  step: 2,
  total: 6,
} as const;

it('while steps come, their pace tells when the end is', () => {
  expect(secondsLeft({ ...EMPTY_TRACK, ...pace }, 10_000, { etaSeconds: 99, at: 0 }, 11_000)).toBe(7);
});

it('before that it is what the service guessed, less the time since', () => {
  expect(secondsLeft(EMPTY_TRACK, undefined, { etaSeconds: 20, at: 1000 }, 6000)).toBe(15);
  expect(secondsLeft(EMPTY_TRACK, undefined, { etaSeconds: 2, at: 1000 }, 60_000)).toBe(0);
});

it('where nobody knows, nothing is claimed', () => {
  expect(secondsLeft(EMPTY_TRACK, undefined, NOTHING, 5)).toBeUndefined();
});

it('the bar goes on from stage to stage and ends full', () => {
  const stages = [
    { stage: undefined, step: 0, total: 0 },
    { stage: 'encode', step: 5, total: 5 },
    { stage: 'denoise', step: 0, total: 6 },
    { stage: 'denoise', step: 6, total: 6 },
    { stage: 'decode', step: 2, total: 2 },
  ] as const;
  const fractions = stages.map(fractionDone);
  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  expect(fractions[0]).toBe(0);
  expect(fractions.at(-1)).toBe(1);
});
