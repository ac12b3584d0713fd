import { AppError, type ScheduleChanges } from '@qwen-edit/contract';
import type { SchedulerConfig } from '../hub/scheduler-config.ts';

export interface Schedule {
  /** steps + 1 noise levels, from about 1 down to 0. */
  readonly sigmas: Float32Array;
  /** sigmas · num_train_timesteps, without the last. */
  readonly timesteps: Float32Array;
}

const f = Math.fround;

/** Shift for a picture of `tokens` target tokens: linear, not clamped. Source: calculate_shift. */
function calculateShift(config: SchedulerConfig, tokens: number): number {
  const m = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len);
  return tokens * m + (config.base_shift - m * config.base_image_seq_len);
}

/** The schedule with what a preset changes of it. */
export function changedSchedule(config: SchedulerConfig, changes: ScheduleChanges): SchedulerConfig {
  const { base_shift = config.base_shift, max_shift = config.max_shift, shift_terminal } = changes;
  return {
    ...config,
    base_shift,
    max_shift,
    shift_terminal: shift_terminal === undefined ? config.shift_terminal : shift_terminal,
  };
}

/** Fewest steps for which this schedule has numbers. */
export function minSteps(config: SchedulerConfig): number {
  return config.shift_terminal ? 2 : 1;
}

/**
 * Noise levels of `steps` steps for a picture of `tokens` target tokens, each operation in fp32 as in the reference.
 * Throws AppError `steps_too_few` if the terminal shift would divide 0 by 0. Source: set_timesteps.
 */
export function createSchedule(config: SchedulerConfig, steps: number, tokens: number): Schedule {
  const linear = Array.from({ length: steps }, (_, i) => f(steps === 1 ? 1 : 1 + (i * (1 / steps - 1)) / (steps - 1)));
  const shifted = linear.map((sigma) => shift(config, sigma, tokens));
  const stretched = config.shift_terminal ? stretch(shifted, config.shift_terminal, steps) : shifted;
  return {
    sigmas: Float32Array.from([...stretched, 0]),
    timesteps: Float32Array.from(stretched, (sigma) => f(sigma * config.num_train_timesteps)),
  };
}

function shift(config: SchedulerConfig, sigma: number, tokens: number): number {
  if (!config.use_dynamic_shifting) {
    return f(f(config.shift * sigma) / f(1 + f((config.shift - 1) * sigma)));
  }
  const mu = calculateShift(config, tokens);
  const factor = f(config.time_shift_type === 'exponential' ? Math.exp(mu) : mu);
  return f(factor / f(factor + f(f(1 / sigma) - 1)));
}

/** Scales 1 - sigma so that the last level is `terminal`. Source: stretch_shift_to_terminal. */
function stretch(sigmas: readonly number[], terminal: number, steps: number): number[] {
  const last = f(1 - sigmas.at(-1)!);
  if (last === 0) {
    throw new AppError(
      'steps_too_few',
      `${steps} step with shift_terminal ${terminal} divides 0 by 0 in this checkpoint's schedule.`,
    );
  }
  const factor = f(last / f(1 - terminal));
  return sigmas.map((sigma) => f(1 - f(f(1 - sigma) / factor)));
}
