import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  AppError,
  type EditParameters,
  GUIDE_DEFAULTS,
  modelFactsSchema,
  type OutputFormat,
  type Size,
  type Speed,
} from '@qwen-edit/contract';
import sharp from 'sharp';
import type { ModelFacts } from '../../packages/pipeline/src/index.ts';
import type { EngineEvent } from '../../packages/pipeline/src/process/protocol.ts';
import type { LoraFile, SpeedReport, UsedLora } from '../../packages/pipeline/src/types.ts';

export const FAKE_MODEL: ModelFacts = {
  name: 'fake-model',
  digest: `sha256:${'0'.repeat(64)}`,
  demo: true,
  num_inference_steps: 4,
  true_cfg_scale: 1,
  max_images: 8,
  min_inference_steps: 1,
  vae_image_size: 1024 * 1024,
  condition_image_size: 384 * 384,
  output_image_size: 1024 * 1024,
  reference_size: 'area',
  size_multiple: 8,
  device: 'cpu',
  precision: 'fp32',
};

/** The fake model, with what a file says of it besides. */
export function factsOf(file: string | undefined): ModelFacts {
  if (file === undefined) return FAKE_MODEL;
  return modelFactsSchema.parse({ ...FAKE_MODEL, ...Object(JSON.parse(readFileSync(file, 'utf8'))) });
}

type FakeResult = Extract<EngineEvent, { type: 'result' }>['result'];

/** Parameters with a value for each, as the engine would report them. */
export function settle(said: EditParameters, size: Size): FakeResult['receipt']['parameters'] & { seed: string } {
  const seed = said.seed ?? GUIDE_DEFAULTS.seed;
  return {
    ...GUIDE_DEFAULTS,
    num_inference_steps: FAKE_MODEL.num_inference_steps,
    true_cfg_scale: FAKE_MODEL.true_cfg_scale,
    ...size,
    ...said,
    seed: seed === '-1' ? String(Math.floor(Math.random() * 2 ** 32)) : seed,
  };
}

/** The LoRAs of an edit as its receipt tells them. Throws AppError `lora_not_found` for a file that is gone. */
export function useLoras(loras: readonly LoraFile[]): UsedLora[] {
  return loras.map(({ label, path, scale }) => {
    const sha256 = createHash('sha256').update(readLora(path)).digest('hex');
    return { label, file: basename(path), sha256, scale, merged: false };
  });
}

const COMPUTED_SHARES: Readonly<Record<Speed, number>> = { exact: 1, balanced: 2 / 3, fast: 1 / 2 };

export function speedOf(mode: Speed = GUIDE_DEFAULTS.speed, steps: number): SpeedReport {
  return { mode, steps, computed: Math.ceil(steps * COMPUTED_SHARES[mode]) };
}

function readLora(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AppError('lora_not_found', `There is no file ${basename(path)}.`, { cause });
  }
}

/** Of one colour, which the words decide, or of its shades. The same words give the same bytes. */
export async function drawPicture(
  words: string,
  size: Size,
  format: OutputFormat,
  shaded = false,
): Promise<Uint8Array> {
  const [r = 0, g = 0, b = 0] = createHash('sha256').update(words).digest();
  const { width, height } = size;
  const picture = shaded
    ? sharp(
        Uint8Array.from({ length: 3 * width * height }, (_, i) => [r, g, b][i % 3]! + Math.floor(i / 3)),
        { raw: { width, height, channels: 3 } },
      )
    : sharp({ create: { ...size, channels: 3, background: { r, g, b } } });
  return new Uint8Array(await picture.toFormat(format).toBuffer());
}

/** A picture as a receipt tells of it. Throws AppError `image_invalid` for what is none. */
export async function describePicture(bytes: Uint8Array): Promise<FakeResult['receipt']['images'][number]> {
  const { autoOrient } = await sharp(bytes)
    .metadata()
    .catch((cause: unknown) => {
      throw new AppError('image_invalid', 'The picture is not a picture that can be read.', { cause });
    });
  return { sha256: createHash('sha256').update(bytes).digest('hex'), ...autoOrient, reference: autoOrient };
}

export function receiptOf(
  parameters: FakeResult['receipt']['parameters'],
  images: FakeResult['receipt']['images'],
  loras: UsedLora[],
  speed: SpeedReport,
): FakeResult['receipt'] {
  const { name, digest, demo, device, precision } = FAKE_MODEL;
  const versions = { 'qwen-edit': 'fake', node: process.versions.node };
  const model = { name, digest, demo, pipeline: 'QwenImageEditPlusPipeline' };
  return { model, parameters, images, device, precision, loras, speed, versions, unchanged: [] };
}
