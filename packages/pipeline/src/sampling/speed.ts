import type { Speed } from '@qwen-edit/contract';
import type { SpeedReport } from '../types.ts';
import type { ForecastRule, ForecastState } from './forecast.ts';

/** Measured: how far a picture may leave the exact one, and how many steps that saves. Source: docs/decisions/0044-foreseen-steps.md. */
const RULES: Readonly<Record<Exclude<Speed, 'exact'>, ForecastRule>> = {
  balanced: { tolerance: 0.002, mostInARow: 3 },
  fast: { tolerance: 0.006, mostInARow: 5 },
};

/** Share of the steps that were computed in the measurements with 20 of them: rough, since it is less with more steps. */
const COMPUTED_SHARE: Readonly<Record<Speed, number>> = { exact: 1, balanced: 0.6, fast: 0.45 };

/** With fewer steps, each one changes much and is computed. */
export const FEWEST_STEPS = 8;
/** The first steps decide what the picture becomes, and the last one ends it. */
const FIRST_COMPUTED = 4;
const LAST_COMPUTED = 1;

/** The rule by which steps are foreseen; undefined if every step is computed. */
export const forecastRule = (speed: Speed): ForecastRule | undefined => (speed === 'exact' ? undefined : RULES[speed]);

/** Whether step `index`, from 0, of so many may be foreseen at all. */
export function mayForesee(index: number, steps: number): boolean {
  return steps >= FEWEST_STEPS && index >= FIRST_COMPUTED && index < steps - LAST_COMPUTED;
}

/** How many of these steps are expected to be computed: a rough figure for estimates. */
export function expectedComputed(steps: number, speed: Speed = 'exact'): number {
  return steps < FEWEST_STEPS
    ? steps
    : Math.min(steps, Math.max(FIRST_COMPUTED + LAST_COMPUTED, Math.round(COMPUTED_SHARE[speed] * steps)));
}

/** What the receipt says. `forecasts`: of each picture, when all steps are done. */
export function speedReport(mode: Speed, steps: number, forecasts: readonly ForecastState[] = []): SpeedReport {
  return { mode, steps, computed: Math.min(steps, ...forecasts.map(({ computed }) => computed)) };
}

/** A sentence if foreseeing was asked for and no step was foreseen. */
export function speedWarning({ mode, steps, computed }: SpeedReport): string[] {
  if (mode === 'exact' || computed < steps) return [];
  return steps < FEWEST_STEPS
    ? [`speed has no effect with fewer than ${FEWEST_STEPS} steps: each one is computed.`]
    : ['speed had no effect: the predictions of this edit change too much from step to step to be foreseen.'];
}
