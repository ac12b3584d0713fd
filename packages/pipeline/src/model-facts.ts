import type { LoadedModel } from './engine/model.ts';
import { PATCH } from './sampling/latents.ts';
import { minSteps } from './sampling/schedule.ts';
import type { ModelFacts } from './types.ts';

/** What a loaded model tells about itself. */
export function modelFacts({ folder, vae, device, precision }: LoadedModel): ModelFacts {
  const { unknown: _unknown, ...recommended } = folder.edit;
  return {
    ...recommended,
    name: folder.name,
    digest: folder.digest,
    min_inference_steps: minSteps(folder.scheduler),
    size_multiple: PATCH * vae.factor,
    device: device.name,
    precision: precision.name,
    ...(folder.card === undefined ? {} : { card: folder.card }),
  };
}
