import { describe, expect, it } from 'vitest';
import { fingerprintOf, readSnapshot, type SamplingState, writeSnapshot } from './snapshot.ts';

const state: SamplingState = {
  step: 3,
  total: 40,
  seed: '18446744073709551615',
  fingerprint: 'f'.repeat(64),
  latents: [Float32Array.of(1.5, -2, 3e-40, 1e38), Float32Array.of(5, 6, 7, 10)],
};

const withForecasts: SamplingState = {
  ...state,
  forecasts: [
    {
      points: [
        { sigma: 0.7000000476837158, prediction: Float32Array.of(1, 2, 3, 4) },
        { sigma: 0.8, prediction: Float32Array.of(-1, -2, -3, 1e-40) },
      ],
      bend: 0.1 + 0.2,
      inARow: 2,
      computed: 9,
    },
    { points: [{ sigma: 1, prediction: Float32Array.of(9, 8, 7, 6) }], bend: undefined, inARow: 0, computed: 1 },
  ],
};

describe('a snapshot is read as it was written', () => {
  it('with what forecasts come from', () => {
    expect(readSnapshot(writeSnapshot(withForecasts).bytes)).toEqual(withForecasts);
  });

  it('and without forecasts its header says nothing of them, as that of versions that knew none', () => {
    const { bytes } = writeSnapshot({ ...state, forecasts: undefined });
    expect(bytes).toEqual(writeSnapshot(state).bytes);
    expect(Buffer.from(bytes).toString('latin1')).not.toContain('forecasts');
  });

  it.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['as a Buffer', (bytes) => Buffer.from(bytes)],
    ['as a plain array', (bytes) => Uint8Array.from(bytes)],
    ['as a part of a larger one, at an odd place', (bytes) => Buffer.concat([Buffer.of(1, 2, 3), bytes]).subarray(3)],
  ])('%s', (_, form) => {
    const { bytes, ...where } = writeSnapshot(state);
    expect(where).toEqual({ step: 3, total: 40 });
    expect(readSnapshot(form(bytes))).toEqual(state);
  });

  it('and does not change with latents that change later', () => {
    const latents = Float32Array.of(1, 2);
    const { bytes } = writeSnapshot({ ...state, latents: [latents] });
    latents.fill(9);
    const read = readSnapshot(bytes);
    bytes.fill(0);
    expect(read.latents).toEqual([Float32Array.of(1, 2)]);
  });
});

it('a snapshot of a version that knew no sizes of references and no speed fits an edit with the defaults', () => {
  const model = { folder: { digest: 'sha256:1' }, precision: { name: 'fp32' } } as const;
  const fingerprint = (more: object): string => fingerprintOf(model, { prompt: 'x', width: 64, ...more }, ['a']);
  expect(fingerprint({ reference_size: 'model' })).toBe(fingerprint({}));
  expect(fingerprint({ reference_size: 'output' })).not.toBe(fingerprint({}));
  expect(fingerprint({ speed: 'exact' })).toBe(fingerprint({}));
  expect(fingerprint({ speed: 'fast' })).not.toBe(fingerprint({ speed: 'balanced' }));
});

describe.each([
  ['of an exact edit', state],
  ['with forecasts', withForecasts],
])('a snapshot %s with any fault is refused', (_, whole) => {
  const { bytes } = writeSnapshot(whole);
  const fails = (damaged: Uint8Array): void => {
    let code: unknown;
    try {
      readSnapshot(damaged);
    } catch (error) {
      code = (error as { code?: unknown }).code;
    }
    if (code !== 'snapshot_invalid') expect.fail(`read ${Buffer.from(damaged).toString('latin1')}`);
  };

  it('each bit of it flipped', () => {
    for (let bit = 0; bit < 8 * bytes.length; bit++)
      fails(bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)));
  });

  it('cut off at every length, and with something behind it', () => {
    for (let length = 0; length < bytes.length; length++) fails(bytes.slice(0, length));
    fails(Buffer.concat([bytes, Buffer.of(0)]));
    fails(Buffer.concat([bytes, bytes]));
  });
});
