import { expect, it } from 'vitest';
import type { ValidatedSubmission } from '../body/submission.ts';
import { canonicalJson, readIdempotencyKey, requestHashOf } from './idempotency.ts';

const submission = (changes: Partial<ValidatedSubmission> = {}): ValidatedSubmission => ({
  parameters: { prompt: 'x' },
  options: {},
  images: [{ kind: 'bytes', bytes: Buffer.from('one') }],
  ...changes,
});

it('requests that mean the same have the same digest', () => {
  const a = submission({ parameters: { prompt: 'x', seed: '1' } });
  const b = submission({ parameters: { seed: '1', prompt: 'x' } });
  expect(requestHashOf(a)).toBe(requestHashOf(b));
});

it('whatever differs is another request', () => {
  const all = [
    submission(),
    submission({ parameters: { prompt: 'y' } }),
    submission({ parameters: { prompt: 'x', negative_prompt: null } }),
    submission({ options: { metadata: { a: 'b' } } }),
    submission({ options: { metadata: { a: 'c' } } }),
    submission({ images: [{ kind: 'bytes', bytes: Buffer.from('two') }] }),
    submission({ images: [{ kind: 'url', url: 'https://example.com/' }] }),
    submission({ images: [{ kind: 'upload', id: 'upload_1' }] }),
    submission({ images: [...submission().images, ...submission().images] }),
  ].map(requestHashOf);
  expect(new Set(all).size).toBe(all.length);
});

it('canonical JSON orders members at every depth, and no list', () => {
  expect(canonicalJson({ b: [2, 1], a: { d: null, c: 'x' } })).toBe('{"a":{"c":"x","d":null},"b":[2,1]}');
});

it('a key has 1 to 255 printable characters', () => {
  for (const key of [undefined, 'a', '"quoted"', ' x ~', 'x'.repeat(255)]) expect(readIdempotencyKey(key)).toBe(key);
  for (const key of ['', 'x'.repeat(256), 'a\tb', 'ö', '\x7f'])
    expect(() => readIdempotencyKey(key)).toThrowError(expect.objectContaining({ code: 'invalid_parameter' }));
});
