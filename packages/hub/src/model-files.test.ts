import { expect, it } from 'vitest';
import { filePath, isNeeded, matchesAny } from './model-files.ts';

it('patterns mean what Python’s allow_patterns mean', () => {
  expect(matchesAny('transformer/config.json', ['*.json'])).toBe(true);
  expect(matchesAny('vae/a/b.safetensors', ['vae/'])).toBe(true);
  expect(matchesAny('vae/config.json', ['config.json', 'vae/?onfig.json'])).toBe(true);
  expect(matchesAny('vae/config.json', ['config.json', 'v.e/*'])).toBe(false);
});

it('other formats of the weights are not needed, all else is', () => {
  const paths = [
    'vae/model.safetensors',
    'README.md',
    'tokenizer/merges.txt',
    'pytorch_model.bin',
    'a.onnx',
    'flax_model.msgpack',
    'x.GGUF',
  ];
  expect(paths.filter((path) => isNeeded({ path }))).toEqual([
    'vae/model.safetensors',
    'README.md',
    'tokenizer/merges.txt',
  ]);
});

it.each(['../x', 'a/../../x', '/etc/passwd', 'C:/x', 'a\\b', 'a//b', './a', 'a/', 'a\0b', ''])(
  'a path %j is refused',
  (path) => {
    expect(filePath.safeParse(path).success).toBe(false);
  },
);
