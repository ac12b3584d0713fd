import { describe, expect, it } from 'vitest';
import { BLOCK_FLOPS, SHAPE } from '../../bench/shape.ts';
import { editFlops } from './flops.ts';
import { knownModelShape } from './known-models.ts';
import { plannedEdit } from './planned-edit.ts';
import { type PlannedEdit, sequenceOf } from './sequence.ts';

const shape = knownModelShape('Qwen/Qwen-Image-Edit-2511')!;
const square = (side: number) => ({ width: side, height: side });
const edit: PlannedEdit = {
  size: square(512),
  references: [square(512)],
  conditionArea: 384 * 384,
  steps: 40,
  guidance: true,
  numImages: 1,
  promptTokens: 30,
  negativeTokens: 1,
};

describe('tokens', () => {
  it('one for 16 × 16 pixels of the result and of each reference', () => {
    const sequence = sequenceOf(shape, { ...edit, references: [square(1024), { width: 1376, height: 768 }] });
    expect(sequence.target).toBe(32 * 32);
    expect(sequence.references).toBe(64 * 64 + 86 * 48);
  });

  it('of a picture for the text encoder: patches of 14 pixels, four of which are one token', () => {
    const { patches, text, read } = sequenceOf(shape, edit);
    // 384 rounds to 14 × 28 = 392, which is 28 patches.
    expect(patches).toEqual([28 * 28]);
    expect(text).toEqual([196 + 7 + 30 + 5, 196 + 7 + 1 + 5]);
    expect(read).toEqual(text.map((length) => 64 + length));
  });

  it('of a prompt of 200 bytes are about 50, and without a negative prompt there is one pass', () => {
    const planned = plannedEdit({}, [square(1024)], { negativeBytes: null, promptBytes: 200 });
    expect(planned.promptTokens).toBe(50);
    expect(planned.guidance).toBe(false);
    expect(sequenceOf(shape, planned).text).toHaveLength(1);
  });
});

describe('operations', () => {
  it('of a block are those that the measurements count, and its modulations', () => {
    const bare = { ...shape.transformer, layers: 1 };
    const text = sequenceOf(shape, edit).text[0]! - 30;
    const one = editFlops(
      { ...shape, transformer: bare },
      { ...edit, steps: 1, guidance: false, promptTokens: SHAPE.text - text },
    );
    const none = editFlops(
      { ...shape, transformer: { ...bare, layers: 0 } },
      { ...edit, steps: 1, guidance: false, promptTokens: SHAPE.text - text },
    );
    expect(one.step - none.step).toBe(BLOCK_FLOPS + 3 * 2 * 6 * 3072 * 3072);
  });

  it('of an edit with speed: those of fewer steps, and of all if there are few', () => {
    const { step, denoise, vae_decode } = editFlops(shape, edit);
    expect(denoise).toBe(40 * step);
    const balanced = editFlops(shape, { ...edit, speed: 'balanced' });
    const fast = editFlops(shape, { ...edit, speed: 'fast' });
    expect(balanced).toMatchObject({ step, vae_decode });
    expect(balanced.denoise).toBeLessThan(denoise);
    expect(fast.denoise).toBeLessThan(balanced.denoise);
    expect(fast.denoise % step).toBe(0);
    expect(editFlops(shape, { ...edit, steps: 4, speed: 'fast' }).denoise).toBe(4 * step);
    expect(plannedEdit({}, [square(1024)], { speed: 'fast' }).speed).toBe('fast');
    const presets = [{ name: 'quick', speed: 'balanced' as const }];
    expect(plannedEdit({ presets }, [square(1024)], { preset: 'quick' }).speed).toBe('balanced');
  });

  it('of a step: two passes under guidance, for each picture that is made', () => {
    const same = { ...edit, negativeTokens: edit.promptTokens };
    const { step } = editFlops(shape, { ...same, guidance: false });
    expect(editFlops(shape, same).step).toBe(2 * step);
    expect(editFlops(shape, { ...same, numImages: 3 }).step).toBe(6 * step);
    expect(editFlops(shape, { ...same, steps: 7 }).denoise).toBe(14 * step);
  });

  it('of the VAE, tile by tile above 1024²', () => {
    const decode = (side: number): number => editFlops(shape, { ...edit, size: square(side) }).vae_decode;
    const attention = (side: number): number => 4 * (side / 8) ** 4 * 384;
    // Without attention, which grows with the square, they follow the area.
    expect((decode(1024) - attention(1024)) / (decode(256) - attention(256))).toBeCloseTo(16, 9);
    // 2048 takes 11 tiles of up to 256 a side: ten whole ones and one of 128.
    const whole = (decode(2048) - decode(256) * 100) / decode(256);
    expect(whole).toBeGreaterThan(2 * 10 * 0.45);
    expect(whole).toBeLessThan(2 * 10 * 0.5 + 0.25);
  });

  it('of the VAE are more where convolutions are computed as they stand, and all others the same', () => {
    const [transformed, direct] = [true, false].map((winograd) => editFlops(shape, edit, { winograd }));
    // Nine products of a 3 × 3 kernel for what takes some 2.5 by the transforms, in most of its layers.
    for (const part of ['vae_encode', 'vae_decode'] as const) {
      expect(direct![part] / transformed![part]).toBeGreaterThan(1.2);
      expect(direct![part] / transformed![part]).toBeLessThan(4);
    }
    for (const part of ['text', 'vision', 'step', 'denoise'] as const) expect(direct![part]).toBe(transformed![part]);
  });

  it('add up', () => {
    const { text, vision, vae_encode, denoise, vae_decode, total } = editFlops(shape, edit);
    expect(total).toBe(text + vision + vae_encode + denoise + vae_decode);
    // By hand: 28 layers over 302 and 273 tokens, 233.05 M weights a layer, and attention.
    const layer = 3584 * (2 * 3584 + 2 * 512) + 3 * 3584 * 18_944;
    const attention = 4 * 3584 * (302 ** 2 + 273 ** 2);
    expect(text).toBe(28 * (2 * 575 * layer + attention));
  });
});
