import { AppError } from '@qwen-edit/contract';
import { type FloatArray, type Grid, rows } from '../arrays.ts';
import type { StepModulations } from '../engine/modulations.ts';
import type { Transformer } from '../engine/transformer.ts';
import { requireFinite } from './finite.ts';
import { type ForecastRule, type ForecastState, foresee, learn, NOTHING_COMPUTED } from './forecast.ts';
import { eulerStep, trueCfg } from './guidance.ts';
import { cleanEstimate } from './preview.ts';
import type { Schedule } from './schedule.ts';
import { mayForesee } from './speed.ts';

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
  /** When a step is foreseen instead of computed; without it, every step is computed. */
  readonly forecastRule?: ForecastRule | undefined;
  /** With a rule, what each picture's forecasts come from; empty for a new edit. They are replaced in place. */
  readonly forecasts?: ForecastState[] | undefined;
}

interface DenoiseHooks {
  /** Sees every prediction that is computed, under the reference's names. */
  readonly observe?: ((name: 'noise_pred' | 'negative_noise_pred', value: FloatArray) => void) | undefined;
  /** Whether `afterStep` needs the estimate when `done` steps are done; without it, none is computed. */
  readonly needsEstimate?: ((done: number) => boolean) | undefined;
  /**
   * `estimate`: what the clean latents of the first picture are expected to be, packed. `foreseen`: for at least one picture nothing was
   * computed, so that the step's time tells nothing.
   */
  readonly afterStep?:
    | ((done: number, estimate: Float32Array | undefined, foreseen: boolean) => Promise<void>)
    | undefined;
}

/**
 * The denoising loop. Pictures go step by step together, each on its own through the network, so that a snapshot after a
 * step holds all of them. With a rule, each picture decides for itself which steps are foreseen; with guidance, it is the guided prediction
 * that is. Throws AppError `result_invalid` if the network gives NaN or infinity, and what a pause throws.
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

  const { forecastRule: rule, forecasts = [] } = inputs;
  const total = schedule.timesteps.length;
  for (let i = inputs.stepsDone; i < total; i++) {
    const done = i + 1;
    const sigma = schedule.sigmas[i]!;
    const next = schedule.sigmas[i + 1]!;
    let step: StepModulations | undefined;
    let estimate: Float32Array | undefined;
    let anyForeseen = false;
    for (const [k, packed] of latents.entries()) {
      const state = forecasts[k] ?? NOTHING_COMPUTED;
      const foreseen = rule !== undefined && mayForesee(i, total) ? foresee(state, { sigma, next }, rule) : undefined;
      step ??= foreseen === undefined ? await modulations.step(i) : undefined;
      const prediction = foreseen?.prediction ?? (await predict(packed, step!));
      if (rule !== undefined) forecasts[k] = foreseen?.state ?? learn(state, { sigma, prediction });
      anyForeseen ||= foreseen !== undefined;
      if (hooks.needsEstimate?.(done) === true) estimate ??= cleanEstimate(packed, prediction, sigma);
      eulerStep(packed, prediction, sigma, next);
      requireFinite(packed, `step ${done} of ${total}`);
    }
    await hooks.afterStep?.(done, estimate, anyForeseen);
  }
}
