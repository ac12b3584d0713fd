import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SPEEDS } from '@qwen-edit/contract';
import sharp from 'sharp';
import { createPipeline, type EditResult } from '../src/index.ts';
import { pictureDecibels, signalDecibels } from '../src/self-test/decibels.ts';
import { type Levels, ssim } from './ssim.ts';

/**
 * measure-speed.ts DIR CACHE PRECISION THREADS SIDE STEPS GUIDANCE EDITS
 * Makes so many edits of photos at SIDE², each at every speed, and prints JSON: of each speed and edit the steps that were computed, the
 * seconds of denoising, and how close latents and picture are to the exact ones.
 */
const [dir = '', weightCacheDir, precision, threads, pixels, steps, guidance, edits] = process.argv.slice(2);
const ROOT = join(import.meta.dirname, '../../..');
const PHOTOS = [
  'scripts/demo/photos/cat.jpg',
  'scripts/demo/photos/coffee.jpg',
  'test/fixtures/photos/astronaut.jpg',
  'test/fixtures/photos/rocket.jpg',
];
const PROMPTS = [
  'Make it black and white',
  'Add a white frame',
  'Blur the picture',
  'Tint the picture blue',
  'Pixelate the picture',
  'Invert the colors',
  '提高对比度',
  'Leave it as it is',
];
const side = Number(pixels);

async function photo(place: number): Promise<Uint8Array> {
  const bytes = await readFile(join(ROOT, PHOTOS[place % PHOTOS.length] ?? ''));
  return sharp(bytes).resize(side, side, { fit: 'cover' }).png().toBuffer();
}

async function decoded({ outputs }: EditResult): Promise<{ readonly rgb: Uint8Array; readonly grey: Levels }> {
  const image = sharp(outputs[0]?.bytes).removeAlpha().toColourspace('srgb');
  const { data: rgb, info } = await image.clone().raw().toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { rgb, grey: { width, height, data: await image.greyscale().raw().toBuffer() } };
}

const pipeline = await createPipeline({ modelDir: dir, precision, weightCacheDir, threads: Number(threads) });
const made = [];
for (let edit = 0; edit < Number(edits); edit++) {
  const images = [await photo(edit)];
  const parameters = {
    prompt: PROMPTS[edit % PROMPTS.length] ?? '',
    ...{ width: side, height: side, reference_size: 'output' as const, seed: '1' },
    ...{ num_inference_steps: Number(steps), true_cfg_scale: Number(guidance), negative_prompt: ' ' },
  };
  const at = (speed: (typeof SPEEDS)[number]): Promise<EditResult> =>
    pipeline.edit({ images, parameters: { ...parameters, speed } }, { returnLatents: true });
  // What is done once, as laying weights out, is no part of what is compared.
  if (edit === 0) await pipeline.edit({ images, parameters: { ...parameters, num_inference_steps: 2 } });
  const exact = await at('exact');
  const golden = await decoded(exact);
  for (const speed of SPEEDS) {
    const result = speed === 'exact' ? exact : await at(speed);
    const picture = await decoded(result);
    made.push({
      speed,
      computed: result.receipt.speed.computed,
      denoise_s: result.timings.denoise_s,
      latents: signalDecibels(result.latents?.data ?? [], exact.latents?.data ?? []),
      psnr: pictureDecibels(picture.rgb, golden.rgb),
      ssim: ssim(picture.grey, golden.grey),
    });
  }
}
console.log(JSON.stringify(made));
await pipeline.close();
