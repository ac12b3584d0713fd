import { join } from 'node:path';
import { LANGUAGES, type Language } from '@qwen-edit/contract';
import { demoModelDir } from '@qwen-edit/demo-model';
import { SEED } from '../../packages/demo-model/measure/editors.ts';
import type { Picture } from '../../packages/demo-model/measure/exact-edits.ts';
import { decodePicture, encodePicture, mean, pixelPsnr } from '../../packages/demo-model/measure/pictures.ts';
import { runEdit } from '../../packages/pipeline/src/edit.ts';
import type { LoadedModel } from '../../packages/pipeline/src/engine/model.ts';
import type { LoraFile } from '../../packages/pipeline/src/types.ts';

/** The LoRA of the demo model. */
export const DEMO_LORA: LoraFile = { label: 'pencil', path: join(demoModelDir, 'loras/pencil.safetensors'), scale: 1 };
const PROMPTS: Readonly<Record<Language, string>> = { en: 'make it a pencil drawing', zh: '把图片变成铅笔画' };

/** Pictures of equal bytes count as this many dB. */
const EQUAL = 100;

/** Has every photo drawn by a prompt in each language. `loras`: those of the request; `preset`: of the demo model. */
export async function drawings(
  model: LoadedModel,
  photos: readonly Picture[],
  { loras, preset }: { readonly loras: readonly LoraFile[]; readonly preset?: string | undefined },
): Promise<readonly Picture[]> {
  const made: Picture[] = [];
  for (const language of LANGUAGES)
    for (const photo of photos) {
      const { width, height } = photo;
      const parameters = { prompt: PROMPTS[language], width, height, seed: SEED, preset };
      const { outputs } = await runEdit(model, { images: [await encodePicture(photo)], parameters, loras });
      made.push(await decodePicture(outputs[0]!.bytes));
    }
  return made;
}

/** PSNR of pictures against those of fp32, in dB. */
export function closeness(pictures: readonly Picture[], fp32: readonly Picture[]) {
  const each = pictures.map((picture, i) => Math.min(EQUAL, pixelPsnr(picture, fp32[i]!)));
  return { least: Math.min(...each), mean: mean(each) };
}
