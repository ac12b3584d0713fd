import { describe, expect, it } from 'vitest';
import { editSizes } from './result-size.ts';
import type { SizeParameters } from './size-parameters.ts';
import { maxSideWarning, shapeWarning } from './size-warnings.ts';

const size = (width: number, height: number) => ({ width, height });

describe('a result in another shape than its picture says so', () => {
  it.each([
    [size(296, 256), size(256, 256), '15.6 %'],
    [size(256, 296), size(256, 256), '15.6 %'],
    [size(320, 224), size(451, 300), '5.2 %'],
    [size(1021, 1000), size(1000, 1000), '2.1 %'],
  ])('%j of %j', (result, picture, figure) => {
    expect(shapeWarning(result, picture)).toEqual([expect.stringContaining(figure)]);
  });

  it.each([
    [size(296, 296), size(256, 256)],
    [size(1020, 1000), size(1000, 1000)],
    [size(448, 296), size(451, 300)],
  ])('%j of %j is the same shape', (result, picture) => {
    expect(shapeWarning(result, picture)).toEqual([]);
  });
});

describe('who gives a small max_side to save work is told that it saves none', () => {
  const warned = (said: SizeParameters, model = {}): readonly string[] =>
    maxSideWarning(said, editSizes(said, [size(3000, 2000)], model), model);

  it.each([{ max_side: 512 }, { max_side: 256, width: 512 }, { max_side: 512, reference_size: 'model' as const }])(
    '%j',
    (said) => {
      expect(warned(said)).toEqual([expect.stringMatching(/does not make the edit faster.*preset draft/)]);
    },
  );

  it.each<[SizeParameters, object]>([
    [{}, {}],
    [{ max_side: 0 }, {}],
    [{ max_side: 768 }, {}],
    [{ max_side: 512, preset: 'draft' }, {}],
    [{ max_side: 512, reference_size: 'output' }, {}],
    [{ max_side: 512 }, { reference_size: 'output' }],
    [{ max_side: 512 }, { vae_image_size: 256 * 256 }],
  ])('nobody else is: %j with a model of %j', (said, model) => {
    expect(warned(said, model)).toEqual([]);
  });
});
