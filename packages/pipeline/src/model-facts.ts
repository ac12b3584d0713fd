import { type Device, deviceNamed } from './engine/devices.ts';
import { type Precision, precisionNamed } from './engine/precision.ts';
import { type ModelFolder, openModelFolder } from './hub/model-folder.ts';
import { vaeFactor } from './hub/vae-config.ts';
import { modelShape } from './plan/model-shape.ts';
import { PATCH } from './sampling/latents.ts';
import { minSteps } from './sampling/schedule.ts';
import type { ModelFacts } from './types.ts';

interface KnownModel {
  readonly folder: ModelFolder;
  readonly device: Device;
  readonly precision: Precision;
}

/** What a model tells about itself. */
export function modelFacts({ folder, device, precision }: KnownModel): ModelFacts {
  const { unknown: _unknown, lora: _lora, loras, presets, ...recommended } = folder.edit;
  return {
    ...recommended,
    name: folder.name,
    digest: folder.digest,
    max_images: folder.family.max_images,
    min_inference_steps: minSteps(folder.scheduler),
    size_multiple: PATCH * vaeFactor(folder.vae.config),
    device: device.name,
    precision: precision.name,
    ...(device.kernels === 'safe' ? { kernels: device.kernels } : {}),
    shape: modelShape(folder),
    presets: [...presets],
    loras: Object.entries(loras).map(([name, { path: _path, ...words }]) => ({ name, ...words })),
    ...(folder.card === undefined ? {} : { card: folder.card }),
  };
}

/**
 * Reads what a model folder says, without loading its networks: configurations, the index and the headers of all weight files.
 * Throws AppError `model_not_found`, `model_incomplete`, `model_corrupt` or `model_unsupported` for a folder that can be seen not
 * to work, and `invalid_parameter` for a device or precision that there is not.
 *
 * @example
 * const { name } = await inspectModel('/models/Qwen-Image-Edit-2511', { device: 'cpu' });
 */
export async function inspectModel(
  dir: string,
  options: { readonly device?: string | undefined; readonly precision?: string | undefined } = {},
): Promise<ModelFacts> {
  const device = deviceNamed(options.device);
  const precision = precisionNamed(options.precision, device.name);
  return modelFacts({ folder: await openModelFolder(dir), device, precision });
}
