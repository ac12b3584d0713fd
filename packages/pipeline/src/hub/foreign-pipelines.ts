import { AppError } from '@qwen-edit/contract';
import { z } from 'zod';

/** What the pipelines of diffusers do that people may take for this one. */
const KNOWN: readonly (readonly [pattern: RegExp, does: string])[] = [
  [/^QwenImagePipeline$/, 'makes pictures from text alone (Qwen-Image)'],
  [/^QwenImageLayeredPipeline$/, 'takes a picture apart into layers (Qwen-Image-Layered)'],
  [/^QwenImageEditInpaintPipeline$/, 'fills a mask with the first Qwen-Image-Edit'],
  [
    /^QwenImage.*(Inpaint|ControlNet|Img2Img)/,
    'makes pictures from text, a mask, a picture or a control picture (Qwen-Image)',
  ],
  [/^(Flux|StableDiffusion|SanaPipeline|PixArt|Chroma|HiDream|Lumina|ZImage)/, 'is of another family of models'],
  [/^(Wan|HunyuanVideo|CogVideo|LTX)/, 'makes videos'],
];

const namedSchema = z.looseObject({ _class_name: z.string() });

/** The error for a model_index.json whose pipeline is another one than `accepted`; undefined if it names no pipeline. */
export function foreignPipeline(index: unknown, accepted: readonly string[]): AppError | undefined {
  const named = namedSchema.safeParse(index);
  if (!named.success || accepted.includes(named.data._class_name)) return undefined;
  const { _class_name: name } = named.data;
  const does = KNOWN.find(([pattern]) => pattern.test(name))?.[1] ?? 'is another kind of model';
  return new AppError(
    'model_unsupported',
    `model_index.json: _class_name is ${name}, which ${does}; it must be ${accepted.join(' or ')}.`,
    {
      hint: 'Use a model that edits pictures as the prompt says: `qwen-edit model pull Qwen/Qwen-Image-Edit-2511`.',
    },
  );
}
