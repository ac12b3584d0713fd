import { describe, expect, it } from 'vitest';
import { addFlatFields, membersOf } from './form-values.ts';

function fieldsOf(...flat: [string, string][]): Record<string, unknown> {
  const fields = new Map<string, unknown>();
  addFlatFields(fields, flat);
  return Object.fromEntries(fields);
}

it.each([
  ['40', 40],
  [' 40 ', 40],
  ['4.5', 4.5],
  ['.5', 0.5],
  ['5.', 5],
  ['-1', -1],
  ['1e2', 100],
  ['1e309', Number.POSITIVE_INFINITY],
  ['NaN', 'NaN'],
  ['Infinity', 'Infinity'],
  ['0x10', '0x10'],
  ['1_000', '1_000'],
  ['4,5', '4,5'],
  ['１', '１'],
  [' ', ' '],
])('the number %j of a form is %j in JSON', (text, value) => {
  expect(fieldsOf(['true_cfg_scale', text])).toEqual({ true_cfg_scale: value });
});

it('texts stay texts, and a seed keeps its digits', () => {
  expect(fieldsOf(['prompt', '40'], ['seed', '9007199254740993'], ['negative_prompt', ''])).toEqual({
    prompt: '40',
    seed: '9007199254740993',
    negative_prompt: '',
  });
});

it('what a page leaves empty is left out', () => {
  expect(fieldsOf(['width', ''], ['seed', ''], ['webhook_url', ''], ['prompt', ''])).toEqual({ prompt: '' });
});

it('a field that comes twice is refused', () => {
  expect(() => fieldsOf(['seed', '1'], ['seed', '1'])).toThrowError(/^seed is given more than once/);
});

it('only an object has members', () => {
  expect(membersOf({ a: 1 }, 'x')).toEqual([['a', 1]]);
  for (const value of [null, [], 'x', 5, undefined]) expect(() => membersOf(value, 'x')).toThrowError(/^x must be/);
});

describe('a list', () => {
  const listOf = (...texts: string[]): unknown => {
    const fields = new Map<string, unknown>();
    addFlatFields(
      fields,
      texts.map((text) => ['lora', text] as const),
    );
    return fields.get('lora');
  };

  it('may come as text, as JSON, and in several parts', () => {
    expect(listOf('a@0.5, b')).toEqual(['a@0.5', ' b']);
    expect(listOf('a', 'b@2')).toEqual(['a', 'b@2']);
    expect(listOf('[{"name":"a"},"b"]', '{"name":"c"}')).toEqual([{ name: 'a' }, 'b', { name: 'c' }]);
    expect(listOf('')).toBeUndefined();
  });

  it('that is no JSON though it begins so is refused by name', () => {
    expect(() => listOf('[{"name":')).toThrow('lora is not well-formed JSON');
  });
});
