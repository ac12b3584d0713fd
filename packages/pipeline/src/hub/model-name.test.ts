import { expect, it } from 'vitest';
import { modelNameOf } from './model-name.ts';

it.each([
  ['/models/Qwen-Image-Edit-2511', 'Qwen-Image-Edit-2511'],
  ['/hub/models--Qwen--Qwen-Image-Edit-2511/snapshots/0123abcd', 'Qwen-Image-Edit-2511'],
  ['/hub/models--me--a--b/snapshots/0123abcd', 'b'],
  ['/models/snapshots/mine', 'mine'],
  ['/hub/models--Qwen--Qwen-Image-Edit-2511', 'models--Qwen--Qwen-Image-Edit-2511'],
])('the model in %s is named %s', (dir, name) => {
  expect(modelNameOf(dir)).toBe(name);
});
