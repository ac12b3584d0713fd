import { expect, it } from 'vitest';
import { whyNoImages } from './images.ts';

const never = async (): Promise<never> => {
  throw new Error('registry.example: no such host');
};

it('an engine that has all images can be used without a registry', async () => {
  expect(await whyNoImages({ exists: async () => true, pull: never }, ['a:1', 'b:2'])).toBe(undefined);
});

it('an image that is not there is pulled', async () => {
  const pulled: string[] = [];
  const images = {
    exists: async () => false,
    pull: async ({ string }: { string: string }) => void pulled.push(string),
  };
  expect(await whyNoImages(images, ['a:1', 'b:2'])).toBe(undefined);
  expect(pulled).toEqual(['a:1', 'b:2']);
});

it('an engine without an image and without a registry leaves tests out, rather than failing them', async () => {
  const images = { exists: async ({ string }: { string: string }) => string === 'a:1', pull: never };
  expect(await whyNoImages(images, ['a:1', 'b:2'])).toBe('the image b:2 is not here and cannot be pulled');
});

it('a machine without an engine leaves tests out too', async () => {
  expect(await whyNoImages(undefined, ['a:1'])).toBe('no container engine answers');
});
