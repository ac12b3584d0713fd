import { AppError } from '@qwen-edit/contract';
import { type FloatArray, type Grid, rows } from '../arrays.ts';
import type { StepModulations } from '../engine/modulations.ts';
import type { Transformer } from '../engine/transformer.ts';
import { requireFinite } from './finite.ts';
import { eulerStep, trueCfg } from './guidance.ts';
import { cleanEstimate } from './preview.ts';
import type { Schedule } from './schedule.ts';

export interface DenoiseInputs {
  readonly schedule: Schedule;
  /** Steps that were done in an earlier run; 0 for a new edit. */
  readonly stepsDone: number;
  /** Packed latents [T, C] of every picture that was asked for. They are changed in place. */
  readonly latents: readonly Float32Array[];
  /** Packed latents of all references, one after the other, [R, C]. */
  readonly referenceLatents: FloatArray;
  /** The grid of the target, then those of the references. */
  readonly grids: readonly Grid[];
  /** [L, E] */
  readonly promptEmbeds: FloatArray;
  /** [L', E]; undefined if guidance is off. */
  readonly negativePromptEmbeds: FloatArray | undefined;
  readonly trueCfgScale: number;
}

interface DenoiseHooks {
  /** Sees every prediction, under the reference's names. */
  readonly observe?: ((name: 'noise_pred' | 'negative_noise_pred', value: FloatArray) => void) | undefined;
  /** Whether `afterStep` needs the estimate when `done` steps are done; without it, none is computed. */
  readonly needsEstimate?: ((done: number) => boolean) | undefined;
  /** `estimate`: what the clean latents of the first picture are expected to be, packed. */
  readonly afterStep?: ((done: number, estimate: Float32Array | undefined) => Promise<void>) | undefined;
}

/**
 * The denoising loop. Pictures go step by step together, each on its own through the network, so that a snapshot after a
 * step holds all of them. Throws AppError `result_invalid` if the network gives NaN or infinity, and what a pause throws.
 * Source: the loop of QwenImageEditPlusPipeline.__call__.
 */
export async function denoise(
  transformer: Pick<Transformer, 'angles' | 'modulate' | 'predict'>,
  inputs: DenoiseInputs,
  hooks: DenoiseHooks = {},
): Promise<void> {
  const { schedule, latents, referenceLatents, grids } = inputs;
  const [, channels = 0] = referenceLatents.dims;
  const conditions = [inputs.promptEmbeds, inputs.negativePromptEmbeds]
    .filter((promptEmbeds) => promptEmbeds !== undefined)
    .map((promptEmbeds) => ({ promptEmbeds, angles: transformer.angles(promptEmbeds.dims[0]!, grids) }));
  // All steps, also of an edit that continues: a step's numbers must not depend on where it began.
  const modulations = await transformer.modulate(schedule.timesteps.map((timestep) => timestep / 1000));

  /** The prediction for one picture, guided if guidance is on. */
  const predict = async (packed: Float32Array, step: StepModulations): Promise<Float32Array> => {
    const call = { latents: rows(packed, channels), referenceLatents, conditions, modulations: step };
    const [wanted, unwanted] = await transformer.predict(call);
    if (wanted === undefined) throw new AppError('internal', 'The transformer gave no prediction.');
    hooks.observe?.('noise_pred', rows(wanted, channels));
    if (unwanted === undefined) return wanted;
    hooks.observe?.('negative_noise_pred', rows(unwanted, channels));
    return trueCfg(wanted, unwanted, inputs.trueCfgScale, channels);
  };

  const total = schedule.timesteps.length;
  for (let i = inputs.stepsDone; i < total; i++) {
    const done = i + 1;
    const step = await modulations.step(i);
    let estimate: Float32Array | undefined;
    for (const packed of latents) {
      const prediction = await predict(packed, step);
      if (hooks.needsEstimate?.(done) === true) estimate ??= cleanEstimate(packed, prediction, schedule.sigmas[i]!);
      eulerStep(packed, prediction, schedule.sigmas[i]!, schedule.sigmas[i + 1]!);
      requireFinite(packed, `step ${done} of ${total}`);
    }
    await hooks.afterStep?.(done, estimate);
  }
}
