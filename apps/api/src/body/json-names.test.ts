import { describe, expect, it } from 'vitest';
import { parseJson } from './read-json.ts';

describe('a name that comes twice is refused with its place', () => {
  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1,"a":1}', 'a'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{ "a" : "x\\\\" , "b":"\\"", "a" : 3 }', 'a'],
    ['{"metadata":{"x":"1","y":"2","x":"3"}}', 'metadata.x'],
    ['{"images":["a,b",[],{"url":"{","url":"}"}]}', 'images.2.url'],
    ['{"a":{},"a":[]}', 'a'],
    ['{"":1,"":2}', ''],
  ])('%s', (text, path) => {
    const error = { code: 'invalid_parameter', errors: [expect.objectContaining({ path, code: 'duplicate' })] };
    expect(() => parseJson(text)).toThrowError(expect.objectContaining(error));
  });
});

it.each([
  '{"a":{"a":{"a":1}},"b":{"a":1}}',
  '[{"a":1},{"a":2}]',
  '{"a":"\\"a\\":1,","b":"{\\"b\\":[","c\\"":1,"c":2}',
  '"a"',
  ' [ ] ',
  '{"a":["a","a"],"A":1}',
])('%s has no name twice, and means what JSON says', (text) => {
  expect(parseJson(text)).toEqual(JSON.parse(text));
});

it('what is nested too deeply is refused, however deep', () => {
  for (const depth of [65, 50_000])
    expect(() => parseJson('['.repeat(depth) + ']'.repeat(depth))).toThrowError(/nested too deeply/);
  expect(parseJson('['.repeat(64) + ']'.repeat(64))).toHaveLength(1);
});

it('texts of quotes and backslashes take linear time', () => {
  // Quadratic time would be hours, which the time limit of a test run ends.
  for (const part of ['\\\\', '\\"', '\\u0022']) {
    const text = `{"${part.repeat(2_000_000)}":1}`;
    expect(Object.keys(Object(parseJson(text)))).toHaveLength(1);
  }
});
