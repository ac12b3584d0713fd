import { describe, expect, it } from 'vitest';
import { expectedError, extrapolate, type ForecastState, foresee, learn, NOTHING_COMPUTED } from './forecast.ts';

const RULE = { tolerance: 0.005, mostInARow: 2 };
const from = (sigma: number, length = 0.1) => ({ sigma, next: sigma - length });

/** The state after the predictions of `f` at these places of the schedule. */
const after = (f: (sigma: number) => readonly number[], ...sigmas: readonly number[]): ForecastState =>
  sigmas.reduce((state, sigma) => learn(state, { sigma, prediction: Float32Array.from(f(sigma)) }), NOTHING_COMPUTED);
const line = (sigma: number) => [2 - sigma, 4 * sigma, 1];
const parabola = (sigma: number) => [sigma ** 2, 1];

describe('a forecast', () => {
  it('of predictions on a line over sigma is the line, however uneven the steps are', () => {
    const state = after(line, 1, 0.9, 0.6);
    expect([...extrapolate(state, 0.25)!]).toEqual(line(0.25).map((each) => expect.closeTo(each, 6)));
    expect(expectedError(state, 0.25)).toBeLessThan(1e-6);
  });

  it('of predictions that bend alike everywhere has the error that is expected of it', () => {
    const state = after(parabola, 1, 0.9, 0.75);
    const [forecast] = extrapolate(state, 0.6)!;
    // The last forecast that was compared tells by how much: relative to the size of the prediction at 0.75.
    const size = Math.hypot(...parabola(0.75));
    expect(expectedError(state, 0.6) * size).toBeCloseTo(Math.abs(0.6 ** 2 - forecast!), 5);
  });

  it('needs two predictions, and a third one to tell its error', () => {
    for (const few of [after(line), after(line, 1), after(line, 1, 0.9)])
      expect(foresee(few, from(0.8), RULE)).toBeUndefined();
    expect(extrapolate(after(line, 1), 0.8)).toBeUndefined();
    expect(foresee(after(line, 1, 0.9, 0.8), from(0.7), RULE)).toBeDefined();
  });
});

describe('a step is foreseen', () => {
  it('only while the expected error, over the length of the step, is below the tolerance', () => {
    const state = after(parabola, 1, 0.95, 0.9);
    const error = expectedError(state, 0.8);
    const most = RULE.tolerance / error;
    expect(foresee(state, from(0.8, 0.99 * most), RULE)).toBeDefined();
    expect(foresee(state, from(0.8, 1.01 * most), RULE)).toBeUndefined();
    expect(expectedError(state, 0.5)).toBeGreaterThan(error);
  });

  it('at most so many times in a row, and again when one was computed', () => {
    let state = after(line, 1, 0.9, 0.8);
    for (const sigma of [0.7, 0.6]) state = foresee(state, from(sigma), RULE)!.state;
    expect(state).toMatchObject({ inARow: 2, computed: 3 });
    expect(foresee(state, from(0.5), RULE)).toBeUndefined();
    state = learn(state, { sigma: 0.5, prediction: Float32Array.from(line(0.5)) });
    expect(state).toMatchObject({ inARow: 0, computed: 4 });
    expect(foresee(state, from(0.4), RULE)).toBeDefined();
  });

  it.each<[string, (sigma: number) => readonly number[], readonly number[]]>([
    ['infinity', (sigma) => [sigma < 0.85 ? Number.POSITIVE_INFINITY : 1], [1, 0.9, 0.8]],
    ['nothing but zeros', () => [0, 0], [1, 0.9, 0.8]],
    ['two predictions at one place', line, [1, 0.9, 0.9]],
  ])('never after %s', (_, f, sigmas) => {
    expect(foresee(after(f, ...sigmas), from(0.7), RULE)).toBeUndefined();
  });
});
