import { editSizes, parseEditParameters, type SizeFacts } from '@qwen-edit/contract';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EMPTY_FORM, type FormValues, formOfJob, requestParameters } from './parameters.ts';
import {
  expectedResultSize,
  fitSizeNumber,
  isSimilarRatio,
  pictureToCompare,
  sizeModeOf,
  sizeParametersOf,
  sizeText,
  withSizeMode,
  withSizeNumber,
} from './size.ts';

const picture = { width: 600, height: 400 };
const demo: SizeFacts = { output_image_size: 65_536, vae_image_size: 65_536, size_multiple: 8 };
const sized = (numbers: FormValues['numbers']): FormValues => ({ ...EMPTY_FORM, numbers });

it('the size of a result is the one that the model makes', () => {
  expect(expectedResultSize(EMPTY_FORM, [picture], demo)).toEqual({ width: 320, height: 224 });
  expect(expectedResultSize(sized({ width: 300 }), [picture], demo)).toEqual({ width: 296, height: 200 });
  expect(expectedResultSize(sized({ width: 300, height: 300 }), [picture], demo)).toEqual({ width: 296, height: 296 });
  expect(expectedResultSize(EMPTY_FORM, [{ width: 1000, height: 1000 }], {})).toEqual({ width: 1024, height: 1024 });
  expect(expectedResultSize(EMPTY_FORM, [{ width: 9000, height: 1 }], demo)).toBeUndefined();
});

it('page, API and pipeline have one size for a request, also when the page has made a form of it', () => {
  const side = fc.integer({ min: 64, max: 4096 });
  const request = fc.tuple(
    fc.oneof(
      fc.constant({}),
      fc.record({ width: side }),
      fc.record({ width: side, height: side }),
      fc.tuple(side, side).map(([w, h]) => ({ size: `${w}x${h}` })),
      fc.record({ output_area: fc.integer({ min: 4096, max: 2048 ** 2 }) }),
      fc.constant({ size: 'auto' }),
    ),
    fc.record(
      {
        preset: fc.constantFrom('standard', 'draft', 'small'),
        reference_size: fc.constantFrom('model', 'output'),
        max_side: fc.integer({ min: 0, max: 2048 }),
      },
      { requiredKeys: [] },
    ),
  );
  const photo = fc.integer({ min: 200, max: 4000 });
  const pictures = fc.array(fc.record({ width: photo, height: photo }), { minLength: 1, maxLength: 3 });
  const facts = fc.record(
    {
      output_image_size: fc.integer({ min: 16_384, max: 1024 ** 2 }),
      reference_size: fc.constantFrom('area' as const, 'output' as const),
      size_multiple: fc.constantFrom(8, 16),
      presets: fc.constant([{ name: 'small', output_area: 65_536, reference_size: 'output' as const }]),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(request, pictures, facts, ([result, others], shown, model) => {
      const input = { prompt: 'x', ...result, ...others };
      const computed = editSizes(parseEditParameters(input), shown, model);
      const form = formOfJob({ input: { ...input, images: [] } });
      const narrow = computed.result.width === 0 || computed.result.height === 0;
      expect(expectedResultSize(form, shown, model)).toEqual(narrow ? undefined : computed.result);
      expect(editSizes(sizeParametersOf(form), shown, model)).toEqual(computed);
      expect(editSizes(parseEditParameters(requestParameters(form)), shown, model)).toEqual(computed);
    }),
    { numRuns: 300 },
  );
});

it('the ways to choose a size exclude each other, and leave the preset', () => {
  const own = withSizeMode({ max_side: 512 }, 'own', 640);
  expect(own).toEqual({ width: 640, max_side: 512 });
  expect(sizeModeOf({ numbers: own })).toBe('own');
  expect(withSizeMode({ ...own, height: 320 }, 'auto')).toEqual({ max_side: 512 });
  expect(sizeModeOf(EMPTY_FORM)).toBe('auto');
});

it('an own size goes before that of the preset', () => {
  const drafted: FormValues = { ...EMPTY_FORM, preset: 'draft' };
  expect(expectedResultSize(drafted, [picture], {})).toEqual({ width: 640, height: 416 });
  expect(expectedResultSize({ ...drafted, numbers: { width: 320 } }, [picture], {})).toEqual({
    width: 320,
    height: 213,
  });
});

it('a side takes the place of an area, and an area that of the sides', () => {
  const numbers = { width: 300, height: 200, max_side: 512 };
  expect(withSizeNumber(numbers, 'output_area', 65_536)).toEqual({ max_side: 512, output_area: 65_536 });
  expect(withSizeNumber({ output_area: 65_536 }, 'height', 200)).toEqual({ height: 200 });
  expect(withSizeNumber(numbers, 'width', undefined)).toEqual({ height: 200, max_side: 512 });
  expect([fitSizeNumber('width', 300.4), fitSizeNumber('width', Number.NaN)]).toEqual([300, undefined]);
  expect([fitSizeNumber('output_area', 1000), fitSizeNumber('output_area', 65_536)]).toEqual([undefined, 65_536]);
});

it('a shape that was only rounded is similar, a turned one is not', () => {
  expect(isSimilarRatio({ width: 451, height: 300 }, { width: 320, height: 224 })).toBe(true);
  expect(isSimilarRatio({ width: 300, height: 451 }, { width: 320, height: 224 })).toBe(false);
});

it('a result is compared with the first picture in its shape', () => {
  const [wide, tall] = [
    { width: 600, height: 400 },
    { width: 300, height: 451 },
  ];
  expect(pictureToCompare([wide, tall])).toBe(1);
  expect(pictureToCompare([wide, tall, wide])).toBe(0);
  expect(pictureToCompare([wide])).toBe(0);
});

it('a size is written with a sign of multiplication', () => {
  expect(sizeText({ width: 12, height: 3 })).toBe('12×3');
});
