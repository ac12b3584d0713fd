import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { editParametersSchema } from './edit-parameters.ts';
import { AppError } from './errors.ts';
import { FIELD_ERROR_CODES, type FieldError, parseFields } from './field-errors.ts';
import { jobOptionsSchema } from './job.ts';
import { modelCardSchema } from './model-card.ts';

function errorsOf(schema: z.ZodType, value: unknown): readonly FieldError[] {
  try {
    parseFields(schema, value);
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown.errors;
  }
  return [];
}

/** How zod begins the messages of its own. */
const ZODS_WORDS = /Invalid|Unrecognized|Too (small|big)|expected|received|zod/i;

/** A schema for each kind of issue that zod has, with values that it refuses and without words of its own. */
const KINDS: readonly (readonly [z.ZodType, unknown, string])[] = [
  [z.object({ a: z.string() }), {}, 'required'],
  [z.object({ a: z.enum(['x', 'y']) }), {}, 'required'],
  [z.object({ a: z.union([z.string(), z.number()]) }), {}, 'required'],
  [z.string(), 5, 'wrong_type'],
  [z.number(), Number.NaN, 'wrong_type'],
  [z.int(), 1.5, 'wrong_type'],
  [z.boolean(), 'true', 'wrong_type'],
  [z.array(z.string()), 'x', 'wrong_type'],
  [z.record(z.string(), z.string()), [], 'wrong_type'],
  [z.date(), 'x', 'wrong_type'],
  [z.number().min(1), 0, 'too_small'],
  [z.number().gt(1), 1, 'too_small'],
  [z.number().max(1), 2, 'too_large'],
  [z.string().min(1), '', 'too_short'],
  [z.string().max(1), 'xx', 'too_long'],
  [z.array(z.string()).min(1), [], 'too_few'],
  [z.array(z.string()).max(1), ['', ''], 'too_many'],
  [z.url(), 'x', 'wrong_format'],
  [z.string().regex(/y/), 'x', 'wrong_format'],
  [z.enum(['x', 'y']), 'z', 'not_one_of'],
  [z.literal('x'), 'z', 'not_one_of'],
  [z.strictObject({ images: z.string().optional() }), { image: 1 }, 'unknown_field'],
  [z.number().multipleOf(8), 9, 'invalid'],
  [z.union([z.string(), z.number()]), true, 'invalid'],
  [z.discriminatedUnion('a', [z.object({ a: z.literal('x') })]), { a: 'y' }, 'invalid'],
  [z.record(z.string().max(1), z.string()), { xx: '' }, 'too_long'],
  [z.map(z.string(), z.string()), new Map([['a', 1]]), 'wrong_type'],
  [z.string().refine(() => false), 'x', 'invalid'],
];

describe('what zod finds is told in our words, with a code', () => {
  it.each(KINDS.map(([schema, value, code], i) => [i, code, schema, value] as const))(
    '%i: %s',
    (_, code, schema, value) => {
      const [error, ...more] = errorsOf(schema, value);
      expect(more).toEqual([]);
      expect(error?.code).toBe(code);
      expect(FIELD_ERROR_CODES).toContain(error?.code);
      expect(error?.message).toMatch(/[.?]$/);
      expect(error?.message).not.toMatch(ZODS_WORDS);
    },
  );

  it.each([
    ['parameters', editParametersSchema],
    ['options', jobOptionsSchema],
    ['a card', modelCardSchema],
  ] as const)('whatever stands in any field of %s', (_, schema) => {
    for (const value of [
      undefined,
      null,
      5,
      -1,
      1e9,
      0.5,
      Number.NaN,
      '',
      'x',
      '\ud800',
      true,
      [],
      [5],
      {},
      { a: 5 },
      { en: 5 },
    ]) {
      const all = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, value]));
      for (const given of [value, all, { ...all, extra: value }])
        for (const { message } of errorsOf(schema, given)) expect(message).not.toMatch(ZODS_WORDS);
    }
  });
});

it('every field that is wrong is told, with what a client needs to word it', () => {
  const wrong = { num_inference_steps: 0, output_format: 'gif', width: 'x', imges: 1, promt: 'x', true_cfg_scale: 101 };
  const errors = Object.fromEntries(errorsOf(editParametersSchema, wrong).map(({ path, ...error }) => [path, error]));
  expect(errors).toMatchObject({
    prompt: { code: 'required', message: 'prompt is missing.' },
    num_inference_steps: {
      code: 'too_small',
      parameters: { min: 1 },
      message: 'num_inference_steps must be at least 1.',
    },
    true_cfg_scale: { code: 'too_large', parameters: { max: 100 } },
    output_format: { code: 'not_one_of', parameters: { choices: ['png', 'jpeg', 'webp'] } },
    width: { code: 'wrong_type', parameters: { expected: 'number' } },
    promt: {
      code: 'unknown_field',
      parameters: { suggestion: 'prompt' },
      message: expect.stringContaining('Did you mean `prompt`?'),
    },
    imges: { code: 'unknown_field', parameters: {} },
  });
});
