import { AppError } from '@qwen-edit/contract';
import { describe, expect, it } from 'vitest';
import { editFromForm, editFromJson } from './edit-request.ts';
import { fromForm, fromJson } from './job-request.ts';
import type { FormPart } from './read-multipart.ts';
import { type RawSubmission, validateSubmission } from './submission.ts';

const NOW = new Date(0);
const picture = Buffer.from('picture').toString('base64');
const other = Buffer.from('another').toString('base64');
const text = (name: string, value: string): FormPart => ({ name, kind: 'text', text: value });
const file = (name: string, bytes = 'picture'): FormPart => ({ name, kind: 'file', bytes: Buffer.from(bytes) });

const partsOf = (fields: object): FormPart[] => [
  file('image'),
  ...Object.entries(fields).map(([name, value]) => text(name, String(value))),
];

/** Every way to say fields, with a prompt and a picture. */
const WAYS: readonly (readonly [string, (fields: object) => RawSubmission])[] = [
  ['JSON', (fields) => fromJson({ prompt: 'x', images: [picture], ...fields })],
  ['a form', (fields) => fromForm(partsOf({ prompt: 'x', ...fields }))],
  [
    'params of a form',
    (fields) => fromForm([file('image'), text('params', JSON.stringify({ prompt: 'x', ...fields }))]),
  ],
  ['JSON of /edit', (fields) => editFromJson({ prompt: 'x', image_base64: picture, ...fields }, [])],
  ['a form of /edit', (fields) => editFromForm(partsOf({ prompt: 'x', ...fields }), [])],
  [
    'a query of /edit',
    (fields) =>
      editFromJson(
        { prompt: 'x', image_base64: picture },
        Object.entries(fields).map(([name, value]) => [name, String(value)]),
      ),
  ],
];

function refusalOf(act: () => unknown): AppError {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
  }
  throw new AppError('internal', 'It was not refused.');
}

describe.each(WAYS)('in %s', (_, read) => {
  const parametersOf = (fields: object) => validateSubmission(read(fields), NOW).parameters;

  it('steps is num_inference_steps', () => {
    expect(parametersOf({ steps: 7 })).toMatchObject({ num_inference_steps: 7 });
    expect(parametersOf({ steps: 7, num_inference_steps: 7 })).toMatchObject({ num_inference_steps: 7 });
  });

  it('two names of one field that say different things are refused', () => {
    const { code, errors } = refusalOf(() => parametersOf({ steps: 7, num_inference_steps: 8 }));
    expect(code).toBe('invalid_parameter');
    expect(errors).toMatchObject([{ path: 'num_inference_steps', code: 'conflict', parameters: { other: 'steps' } }]);
  });

  it.each([
    ['imagess', 'images'],
    ['picture', 'images'],
    ['promt', 'prompt'],
    ['num_inference_step', 'num_inference_steps'],
    ['step', 'steps'],
    ['cfg_scale', 'true_cfg_scale'],
    ['negativePrompt', 'negative_prompt'],
    ['webhook', 'webhook_url'],
    ['n', 'num_images_per_prompt'],
    ['heigth', 'height'],
  ])('who says %s is asked whether %s was meant', (said, meant) => {
    const { message, errors } = refusalOf(() => parametersOf({ [said]: 'x' }));
    expect(message).toBe(`${said} is not a known field. Did you mean \`${meant}\`?`);
    expect(errors).toEqual([{ path: said, code: 'unknown_field', parameters: { suggestion: meant }, message }]);
  });

  it('a name that is near to none is only refused', () => {
    const { message } = refusalOf(() => parametersOf({ quantum_flux: 1 }));
    expect(message).toBe('quantum_flux is not a known field.');
  });
});

describe('image is images', () => {
  it.each([
    [{ image: picture }],
    [{ image: [picture] }],
    [{ image: { data: picture } }],
    [{ images: [picture], image: picture }],
    [{ images: [picture], image: [picture] }],
  ])('%j', (fields) => {
    const one = [{ kind: 'bytes', bytes: expect.anything() }];
    expect(fromJson({ prompt: 'x', ...fields }).images).toEqual(one);
    expect(editFromJson({ prompt: 'x', ...fields }, []).images).toEqual(one);
  });

  it('and both are refused if they name different pictures', () => {
    for (const read of [fromJson, (value: unknown) => editFromJson(value, [])]) {
      const { errors } = refusalOf(() => read({ prompt: 'x', images: [picture], image: other }));
      expect(errors).toMatchObject([{ path: 'images', code: 'conflict' }]);
    }
  });

  it('a picture that cannot be read is named as it was sent', () => {
    expect(refusalOf(() => fromJson({ prompt: 'x', image: '!' })).message).toMatch(/^image\.0 /);
    expect(refusalOf(() => fromJson({ prompt: 'x', images: ['!'] })).message).toMatch(/^images\.0 /);
  });
});

it('a file in a part of another name is asked to be called images', () => {
  for (const name of ['photo', 'upload', 'zzz'])
    expect(refusalOf(() => fromForm([text('prompt', 'x'), file(name)])).message).toBe(
      `${name} is not a known field. Did you mean \`images\`?`,
    );
  expect(fromForm([file('prompt', 'from a file')]).fields.get('prompt')).toBe('from a file');
});
