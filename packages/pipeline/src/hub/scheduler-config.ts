import { z } from 'zod';
import { must, off, positiveInt } from './config-keys.ts';

/** The keys of scheduler/scheduler_config.json that act. Source: FlowMatchEulerDiscreteScheduler. */
export interface SchedulerConfig {
  readonly num_train_timesteps: number;
  readonly use_dynamic_shifting: boolean;
  readonly shift: number;
  readonly base_shift: number;
  readonly max_shift: number;
  readonly base_image_seq_len: number;
  readonly max_image_seq_len: number;
  readonly shift_terminal: number | null;
  readonly time_shift_type: 'exponential' | 'linear';
}

/** Absent keys take the pipeline's defaults. */
export const schedulerSchema: z.ZodType<SchedulerConfig> = z.object({
  _class_name: must('FlowMatchEulerDiscreteScheduler'),
  num_train_timesteps: positiveInt.default(1000),
  use_dynamic_shifting: z.boolean().default(false),
  shift: z.number().positive().default(1),
  base_shift: z.number().default(0.5),
  max_shift: z.number().default(1.15),
  base_image_seq_len: z.number().default(256),
  max_image_seq_len: z.number().default(4096),
  /** false, as a few checkpoints write it, counts as null. */
  shift_terminal: z
    .union(
      [z.number().min(0).lt(1), z.literal(false).transform(() => null)],
      'must be a number from 0 to below 1, or null',
    )
    .nullable()
    .default(null),
  time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
  invert_sigmas: off,
  use_karras_sigmas: off,
  use_exponential_sigmas: off,
  use_beta_sigmas: off,
  stochastic_sampling: off,
});
