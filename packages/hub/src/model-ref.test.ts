import { expect, it } from 'vitest';
import { isModelRef, parseModelRef, parsePulled } from './model-ref.ts';

it('reads owner, name and revision', () => {
  expect(parseModelRef('Qwen/Qwen-Image-Edit-2511')).toEqual({ repo: 'Qwen/Qwen-Image-Edit-2511', revision: 'main' });
  expect(parseModelRef(' a/b.c@refs/pr/1 ')).toEqual({ repo: 'a/b.c', revision: 'refs/pr/1' });
});

it.each([
  '',
  'a',
  'a/b/c',
  '/b',
  'a/',
  'a/..',
  '../b',
  'a/b--c',
  'a/.b',
  'a/b@',
  'a/b@c@d',
  'a/b@../c',
  'a/b@-x',
  'a b/c',
  'a/b\\c',
  'a/b@x y',
])('refuses %j, which could name a folder outside of the cache or another model', (text) => {
  expect(isModelRef(text)).toBe(false);
  expect(() => parseModelRef(text)).toThrow(/is no (name|revision) of a model/);
});

it('of a pull it reads one file of a repository too, and none that leads out of its folder', () => {
  const ref = { repo: 'owner/loras', revision: 'main' };
  expect(parsePulled('owner/loras')).toEqual({ ref, file: undefined });
  expect(parsePulled('owner/loras:a/b.safetensors')).toEqual({ ref, file: 'a/b.safetensors' });
  expect(parsePulled('owner/loras@v1:b.safetensors')).toEqual({
    ref: { ...ref, revision: 'v1' },
    file: 'b.safetensors',
  });
  for (const file of ['', '../a.safetensors', '/a.safetensors', 'a//b.safetensors', 'c:\\a.safetensors', 'a.bin'])
    expect(() => parsePulled(`owner/loras:${file}`), file).toThrow('is no .safetensors file of a repository');
});
