import { AppError, type ModelFacts, PRECISION_NAMES, type Size, toAppError } from '@qwen-edit/contract';
import { deviceNamed } from '../engine/devices.ts';
import { planMemory } from '../plan/memory.ts';
import { plannedEdit } from '../plan/planned-edit.ts';

/** Of what a plan took, what the next smaller one may take. */
const SMALLER = 0.85;
/** Where no plan can be made, the memory is not taken as less than this share of what was said. */
const LEAST_SHARE = 0.5;
const USUAL_PICTURE: Size = { width: 1024, height: 1024 };
const GB = 1e9;

interface SmallerPlansOptions {
  /** In words, for messages: see deviceKey. */
  readonly device: string;
  /** Bytes of the device's own memory; undefined: not known. */
  readonly deviceMemoryBytes: number | undefined;
  /** What the model of the engine is, once it was loaded. */
  readonly model: () => ModelFacts | undefined;
  /** Ends the engine: what it has allocated is in pieces. */
  readonly endEngine: () => Promise<void>;
  readonly onTrouble: ((error: AppError) => void) | undefined;
}

/** The memory of its own that a device is planned with, which may be less than was thought: other programs take some of it too. */
export interface SmallerPlans {
  readonly deviceMemoryBytes: number | undefined;
  /**
   * Runs `work`. If the device has no memory left, the engine is ended, and `work` is run once more with a plan one size smaller, which
   * also counts from then on. Rejects as `work` does.
   */
  orSmaller<T>(work: () => Promise<T>): Promise<T>;
}

export function createSmallerPlans(options: SmallerPlansOptions): SmallerPlans {
  const { device, model, endEngine, onTrouble } = options;
  let bytes = options.deviceMemoryBytes;
  const least = LEAST_SHARE * (bytes ?? 0);

  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (thrown) {
      if (isOutOfMemory(thrown)) await endEngine();
      throw thrown;
    }
  };
  return {
    get deviceMemoryBytes() {
      return bytes;
    },
    async orSmaller(work) {
      try {
        return await attempt(work);
      } catch (thrown) {
        const smaller = isOutOfMemory(thrown) ? smallerThan(bytes, model(), least) : undefined;
        if (smaller === undefined) throw thrown;
        bytes = smaller;
        const { message, hint } = toAppError(thrown);
        const done = `Its engine is replaced, and plans with ${(smaller / GB).toFixed(1)} GB from now on.`;
        onTrouble?.(
          new AppError('out_of_memory', `The device ${device} has no memory left. ${done} It said: ${message}`, {
            ...{ hint, cause: thrown },
          }),
        );
        return attempt(work);
      }
    },
  };
}

const isOutOfMemory = (thrown: unknown): boolean => thrown instanceof AppError && thrown.code === 'out_of_memory';

/**
 * What the next smaller plan has: less than an edit of usual size takes now. undefined if that can hold no less, or if nothing is known of model
 * and memory.
 */
function smallerThan(bytes: number | undefined, model: ModelFacts | undefined, leastBytes: number) {
  const plan = usualPlan(bytes, model);
  const now = Math.min(bytes ?? Number.POSITIVE_INFINITY, plan?.peak_bytes ?? Number.POSITIVE_INFINITY);
  const smaller = Math.floor(SMALLER * now);
  return Number.isFinite(now) && smaller >= (plan?.least_bytes ?? leastBytes) ? smaller : undefined;
}

function usualPlan(memoryBytes: number | undefined, model: ModelFacts | undefined) {
  const precision = PRECISION_NAMES.find((name) => name === model?.precision);
  if (model?.shape === undefined || precision === undefined) return undefined;
  try {
    const { name: device } = deviceNamed(model.device);
    const { card: _card, ...rules } = model;
    return planMemory(model.shape, plannedEdit(rules, [USUAL_PICTURE], {}), { device, precision, memoryBytes });
  } catch {
    return undefined;
  }
}
