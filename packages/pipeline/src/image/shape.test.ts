import { AppError, DIFFUSERS_AREAS, limitSide } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { calculateDimensions } from './dimensions.ts';
import { conditionImage, patchify } from './preprocess.ts';
import { resizeLanczos } from './resample.ts';
import { checkImageShape } from './shape.ts';

const processor = {
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
  min_pixels: 3136,
  max_pixels: 12_845_056,
  patch_size: 14,
  merge_size: 2,
  temporal_patch_size: 2,
};
const demo = { vae_image_size: 65_536, condition_image_size: 9216 };

const refused = (act: () => unknown): boolean => {
  try {
    act();
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'image_ratio' });
    return true;
  }
};

describe('a shape is refused when, and only when, a step of the pipeline refuses it', () => {
  it.each([
    ['the areas of diffusers', DIFFUSERS_AREAS],
    ['those of the demo model', demo],
  ])('with %s', (_, areas) => {
    const seen = new Set<boolean>();
    for (const max_side of [0, 768, 5000]) {
      for (const ratio of [1, 35, 36, 37, 200, 260, 277, 279, 290, 575, 577, 4095]) {
        for (const size of [
          { width: Math.round(3 * ratio), height: 3 },
          { width: 2, height: Math.round(2 * ratio) },
        ]) {
          const byStep = refused(() => {
            const limited = limitSide(size, max_side);
            const flat = { ...size, data: new Uint8Array(size.width * size.height * 3) };
            const image = resizeLanczos(flat, limited.width, limited.height);
            const condition = conditionImage(image, areas.condition_image_size);
            patchify(condition, processor);
            // Only its shape: the picture itself would be large.
            calculateDimensions(65_536, limited);
          });
          const byRule = refused(() => checkImageShape(size, 'x', { max_side, ...areas, vae_image_size: 65_536 }));
          expect(byRule, `${size.width} × ${size.height}, max_side ${max_side}`).toBe(byStep);
          seen.add(byRule);
        }
      }
    }
    expect(seen).toEqual(new Set([true, false]));
  });
});

it('the message names the picture with the size that it was sent with', () => {
  expect(() => checkImageShape({ width: 20_000, height: 1 }, 'Picture 2')).toThrow(
    new AppError('image_ratio', 'Picture 2 of 20000 × 1 is too narrow: at 147456 pixels a side would round to 0.'),
  );
  expect(() => checkImageShape({ width: 1500, height: 5 }, 'Picture 1', { max_side: 0 })).toThrow(
    'Picture 1 of 1500 × 5 is too narrow: the ratio of its sides is above 200.',
  );
});
