import { type AppError, toAppError } from '@qwen-edit/contract';
import type { Rung } from '../self-test/ladder.ts';
import type { RefusedKernels } from '../types.ts';

/** Finds the first kernels of a ladder that pass their self-test. */
export interface Climber<T> {
  /**
   * Calls `open` with one rung after the other, until one is not refused with AppError `device_drift`. Begins where the last call has ended:
   * kernels that were wrong once are not tried again. Rejects with the first refusal if nothing passes, and the next call begins at the
   * top; with `open`'s error if that is none.
   */
  climb(open: (rung: Rung, refused: readonly RefusedKernels[]) => Promise<T>): Promise<T>;
}

/** `onLower` hears if less than before has passed. */
export function createClimber<T>(
  rungs: readonly Rung[],
  onLower: (rung: Rung, refused: readonly RefusedKernels[]) => void,
): Climber<T> {
  let start = 0;
  let refused: readonly RefusedKernels[] = [];
  return {
    async climb(open) {
      const errors: AppError[] = [];
      for (const [i, rung] of rungs.entries()) {
        if (i < start) continue;
        try {
          const opened = await open(rung, refused);
          if (i > start) onLower(rung, refused);
          start = i;
          return opened;
        } catch (thrown) {
          const error = toAppError(thrown);
          if (error.code === 'device_drift') {
            errors.push(error);
            refused = [...refused, { ...rung, reason: error.message }];
            continue;
          }
          refused = refused.slice(0, start);
          // A fallback that cannot be loaded changes nothing of why it was needed.
          throw error.code === 'canceled' ? error : (errors[0] ?? error);
        }
      }
      start = 0;
      refused = [];
      throw errors[0];
    },
  };
}
