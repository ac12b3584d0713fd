import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from './edit-parameters.ts';
import { editSizes, referenceSizes, requireEditSizes, resultSize, type SizeFacts } from './result-size.ts';
import type { SizeParameters } from './size-parameters.ts';

const RULES = { maxSide: 768, area: 65_536, multiple: 8 };
const DEMO: SizeFacts = {
  output_image_size: 65_536,
  vae_image_size: 65_536,
  reference_size: 'output',
  size_multiple: 8,
};
const FULL: SizeFacts = { size_multiple: 16 };
const size = (width: number, height: number) => ({ width, height });
const square = (side: number) => size(side, side);
const SHAPES = [size(256, 256), size(451, 300), size(300, 451), size(1920, 1080), size(4000, 300), size(97, 61)];

describe('a side alone keeps the shape of the picture', () => {
  it('a square picture stays square', () => {
    expect(resultSize({ width: 300 }, size(256, 256), RULES)).toEqual(size(296, 296));
    expect(resultSize({ height: 300 }, size(256, 256), RULES)).toEqual(size(296, 296));
  });

  it.each(SHAPES)('to the nearest multiple, of %j', (picture) => {
    for (const multiple of [8, 16, 32]) {
      for (let side = 64; side <= 1024; side += 7) {
        const wide = resultSize({ width: side }, picture, { ...RULES, multiple });
        expect(wide.width).toBe(Math.floor(side / multiple) * multiple);
        expect(wide.height % multiple).toBe(0);
        expect(wide.height).toBeGreaterThan(0);
        const ideal = (wide.width * picture.height) / picture.width;
        if (ideal >= multiple / 2) expect(Math.abs(wide.height - ideal)).toBeLessThanOrEqual(multiple / 2);
      }
    }
  });

  it('of the picture as it was given, whatever max_side makes of it', () => {
    expect(resultSize({ height: 800 }, size(300, 4000), { ...RULES, maxSide: 64 })).toEqual(size(64, 800));
  });
});

it('both sides are taken as they are asked for, and none is the size that diffusers gives', () => {
  expect(resultSize({ width: 107, height: 70 }, size(200, 50), { ...RULES, multiple: 16 })).toEqual(size(96, 64));
  expect(resultSize({}, size(451, 300), RULES)).toEqual(size(320, 224));
});

describe('precedence: the request, then its preset, then the model, then diffusers', () => {
  /** What is said, in the order in which it holds, and the side of the square result that each asks for alone. */
  const RESULTS: readonly (readonly [string, SizeParameters, SizeFacts, number])[] = [
    ['size', { size: '640x640' }, {}, 640],
    ['width', { width: 320 }, {}, 320],
    ['output_area', { output_area: 768 ** 2 }, {}, 768],
    ['preset', { preset: 'draft' }, {}, 512],
    ['edit_config', {}, { output_image_size: 896 ** 2 }, 896],
    ['diffusers', {}, {}, 1024],
  ];
  const REFUSED = new Set(['size width', 'size output_area', 'width output_area']);
  const pairs = RESULTS.flatMap((first, i) => RESULTS.slice(i + 1).map((second) => [first, second] as const)).filter(
    ([first, second]) => !REFUSED.has(`${first[0]} ${second[0]}`),
  );

  it.each(RESULTS)('%s alone decides the result', (_, said, model, side) => {
    expect(editSizes(said, [square(2000)], { ...FULL, ...model }).result).toEqual(square(side));
  });

  it.each(pairs.map(([first, second]) => [`${first[0]} before ${second[0]}`, first, second] as const))(
    '%s',
    (_, [, said, model, side], [, less, other]) => {
      const sizes = editSizes({ ...less, ...said }, [square(2000)], { ...FULL, ...other, ...model });
      expect(sizes.result).toEqual(square(side));
    },
  );

  const MODEL = square(1024);
  const RESULT = square(512);
  it.each<[string, SizeParameters, SizeFacts, typeof MODEL]>([
    ['diffusers alone', { width: 512 }, {}, MODEL],
    ['the model alone', { width: 512 }, { reference_size: 'output' }, RESULT],
    ['the preset alone', { preset: 'draft' }, {}, RESULT],
    ['the preset before the model', { preset: 'draft' }, { reference_size: 'area' }, RESULT],
    ['the request alone', { width: 512, reference_size: 'output' }, {}, RESULT],
    ['the request before the model', { width: 512, reference_size: 'output' }, { reference_size: 'area' }, RESULT],
    ['the request before the preset', { preset: 'draft', reference_size: 'model' }, {}, MODEL],
    ['model means what the model says', { width: 512, reference_size: 'model' }, { reference_size: 'output' }, RESULT],
  ])('of the references: %s', (_, said, model, reference) => {
    const sizes = editSizes(said, [size(2000, 2000)], { ...FULL, ...model });
    expect(sizes.result).toEqual(RESULT);
    expect(sizes.references).toEqual([{ ...reference, cut: reference === RESULT }]);
  });

  it('size auto asks for nothing', () => {
    const pictures = [size(1600, 900)];
    for (const said of [{}, { preset: 'draft' }, { output_area: 5e5 }, { width: 640 }] as const)
      expect(editSizes({ ...said, size: 'auto' }, pictures, FULL)).toEqual(editSizes(said, pictures, FULL));
  });
});

describe('a draft never enlarges', () => {
  it('the result of a model whose own is smaller', () => {
    expect(editSizes({ preset: 'draft' }, [size(600, 400)], DEMO)).toEqual(editSizes({}, [size(600, 400)], DEMO));
  });

  it('the references, beside a result that is larger than these', () => {
    const { result, references } = editSizes({ preset: 'draft', width: 2048 }, [square(3000)], FULL);
    expect(result).toEqual(square(2048));
    expect(references).toEqual([{ ...square(1024), cut: false }]);
  });

  it('whatever is asked for beside it', () => {
    const area = ({ width, height }: { width: number; height: number }) => width * height;
    fc.assert(
      fc.property(sizesOfRequests, picturesOfRequests, factsOfModels, (said, pictures, model) => {
        const plain = editSizes({ ...said, preset: undefined }, pictures, model);
        const draft = editSizes({ ...said, preset: 'draft' }, pictures, model);
        // Sides are multiples of 32, so that a smaller area may round to a little more.
        const slack = 1.5 * Math.max(area(plain.result), 64 * 64);
        expect(area(draft.result)).toBeLessThanOrEqual(slack);
        if (said.reference_size !== undefined) return;
        const own = (model.vae_image_size ?? 1024 ** 2) as number;
        for (const [i, each] of draft.references.entries())
          expect(area(each)).toBeLessThanOrEqual(Math.max(own, area(plain.references[i]!)));
      }),
    );
  });
});

describe('references', () => {
  const pictures = [size(1600, 900), size(600, 800)];

  it('of the model’s area keep their own shape, after max_side', () => {
    const rules = { kind: 'area', area: 1024 * 1024, maxSide: 768 } as const;
    expect(referenceSizes(pictures, square(512), rules)).toEqual([
      { ...size(1376, 768), cut: false },
      { ...size(896, 1184), cut: false },
    ]);
  });

  it('of the result’s size have all the same, cut to its shape', () => {
    const rules = { kind: 'output', area: 1024 * 1024, maxSide: 768 } as const;
    expect(referenceSizes(pictures, square(512), rules)).toEqual(pictures.map(() => ({ ...square(512), cut: true })));
  });

  it('and tokens fall with them: 5 for 1 in a draft of a square picture', () => {
    const tokens = (said: SizeParameters): number => {
      const { result, references } = editSizes(said, [square(1000)], FULL);
      return [result, ...references].reduce((sum, { width, height }) => sum + (width / 16) * (height / 16), 0);
    };
    expect(tokens({})).toBe(4096 + 4096);
    expect(tokens({ size: '512x512', max_side: 512 })).toBe(1024 + 4096);
    expect(tokens({ preset: 'draft' })).toBe(1024 + 1024);
  });
});

describe('what cannot be done is refused by name', () => {
  it.each<[SizeParameters, string, string]>([
    [{ width: 7 }, 'width', 'width must be at least 8 with this model, not 7.'],
    [{ width: 64, height: 7 }, 'height', 'height must be at least 8 with this model, not 7.'],
    [{ size: '64x7' }, 'size', 'size must have a height of at least 8 with this model, not 7.'],
    [{ height: 4096 }, 'height', 'height of 4096 gives the result a width of'],
    [{ output_area: 4096 * 4096 }, 'output_area', 'output_area of 16777216 gives the result a width of'],
  ])('%j', (said, path, words) => {
    const act = () => requireEditSizes(said, [size(4000, 300)], DEMO);
    expect(act).toThrow(words);
    expect(act).toThrow(expect.objectContaining({ errors: [expect.objectContaining({ path })] }));
  });

  it('an area at which a side would round to 0', () => {
    expect(() => requireEditSizes({ output_area: 1024 }, [size(900, 100)], FULL)).toThrow(
      expect.objectContaining({ code: 'image_ratio', message: expect.stringContaining('at 1024 pixels') }),
    );
  });

  it('more pixels together than any edit needs', () => {
    const pictures = Array.from({ length: 8 }, () => square(4000));
    const large = { size: '4096x4096' } as const;
    expect(requireEditSizes(large, pictures, FULL).references).toHaveLength(8);
    expect(requireEditSizes({ ...large, reference_size: 'output' }, [square(4000)], FULL).result).toEqual(square(4096));
    expect(() => requireEditSizes({ ...large, reference_size: 'output' }, pictures.slice(0, 2), FULL)).toThrow(
      'reference_size with a result of 4096 × 4096 and its 2 references make 50331648 pixels; together they may have 33554432.',
    );
    expect(() => requireEditSizes(large, pictures, { ...FULL, vae_image_size: 4096 ** 2 })).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ path: 'images' })] }),
    );
  });

  it('both sides of a narrow picture may be said', () => {
    expect(requireEditSizes({ width: 64, height: 4096 }, [size(4000, 300)], DEMO).result).toEqual(size(64, 4096));
  });
});

it('what is not refused has sides within the limits, of the model’s multiples, and no more pixels than allowed', () => {
  let taken = 0;
  fc.assert(
    fc.property(sizesOfRequests, picturesOfRequests, factsOfModels, (said, pictures, model) => {
      let sizes: ReturnType<typeof editSizes>;
      try {
        sizes = requireEditSizes(said, pictures, model);
      } catch (refused) {
        expect(refused).toMatchObject({ code: expect.stringMatching(/^(invalid_parameter|image_ratio)$/) });
        return;
      }
      taken += 1;
      expect(sizes).toEqual(editSizes(said, pictures, model));
      const { result, references } = sizes;
      for (const side of [result.width, result.height]) {
        expect(side % (model.size_multiple ?? 1)).toBe(0);
        expect(side).toBeGreaterThan(0);
        if (said.output_area !== undefined) expect(side).toBeLessThanOrEqual(LIMITS.side);
      }
      expect(references).toHaveLength(pictures.length);
      const all = [result, ...references].reduce((sum, { width, height }) => sum + width * height, 0);
      expect(all).toBeLessThanOrEqual(LIMITS.pixelsTogether);
    }),
    { numRuns: 500 },
  );
  expect(taken).toBeGreaterThan(100);
});

const side = fc.integer({ min: 1, max: 4096 });
const sizesOfRequests: fc.Arbitrary<SizeParameters> = fc
  .tuple(
    fc.oneof(
      fc.constant({}),
      fc.record({ width: side }),
      fc.record({ height: side }),
      fc.record({ width: side, height: side }),
      fc.tuple(side, side).map(([w, h]) => ({ size: `${w}x${h}` })),
      fc.record({ output_area: fc.integer({ min: 1024, max: 4096 ** 2 }) }),
    ),
    fc.record(
      {
        max_side: fc.integer({ min: 0, max: 4096 }),
        preset: fc.constant('draft' as const),
        reference_size: fc.constantFrom('model' as const, 'output' as const),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([result, others]) => ({ ...result, ...others }));
const photo = fc.integer({ min: 64, max: 6000 });
const picturesOfRequests = fc.array(fc.record({ width: photo, height: photo }), { minLength: 1, maxLength: 8 });
const area = fc.integer({ min: 4096, max: 2048 ** 2 });
const factsOfModels: fc.Arbitrary<SizeFacts> = fc.record(
  {
    output_image_size: area,
    vae_image_size: area,
    reference_size: fc.constantFrom('area' as const, 'output' as const),
    size_multiple: fc.constantFrom(8, 16, 32),
  },
  { requiredKeys: [] },
);
