/** A prediction that the transformer has made, and where on the schedule. */
interface Point {
  readonly sigma: number;
  readonly prediction: Float32Array;
}

/** What the rest of an edit's forecasts depends on, for one picture. */
export interface ForecastState {
  /** The latest computed predictions, the newest first; as many as a line needs. */
  readonly points: readonly Point[];
  /**
   * How much the prediction bends: the relative error of the last forecast that was compared with its prediction, by the distances from
   * its points. Undefined until there was one, and if it is no number.
   */
  readonly bend: number | undefined;
  /** Steps foreseen since the last computed one. */
  readonly inARow: number;
  readonly computed: number;
}

/** When a step is foreseen. */
export interface ForecastRule {
  /** The largest expected error of a forecast, relative to the prediction, times the length of its step in sigma: what latents take of it. */
  readonly tolerance: number;
  readonly mostInARow: number;
}

/** From one noise level to the next. */
interface Step {
  readonly sigma: number;
  readonly next: number;
}

export const NOTHING_COMPUTED: ForecastState = { points: [], bend: undefined, inARow: 0, computed: 0 };

/** A line has two. */
const POINTS = 2;

/**
 * The prediction at `sigma` on the line through the last two computed ones; undefined if there are fewer. Each number of it is computed by
 * itself, so that the same state gives the same bytes everywhere.
 */
export function extrapolate({ points }: Pick<ForecastState, 'points'>, sigma: number): Float32Array | undefined {
  const [last, before] = points;
  if (last === undefined || before === undefined) return undefined;
  const along = (sigma - last.sigma) / (last.sigma - before.sigma);
  return last.prediction.map((value, i) => value + along * (value - before.prediction[i]!));
}

/**
 * The relative error that a forecast at `sigma` is expected to have: that of a line grows with the distances from its two points. It is
 * infinite while nothing is known. Source: the remainder of Newton's interpolation formula, with the bend that was last seen.
 */
export function expectedError(state: ForecastState, sigma: number): number {
  return state.bend === undefined ? Number.POSITIVE_INFINITY : state.bend * distances(state, sigma);
}

const distances = ({ points }: Pick<ForecastState, 'points'>, sigma: number): number =>
  points.reduce((product, point) => product * Math.abs(sigma - point.sigma), 1);

/**
 * The forecast for a step and the state behind it, if the rule lets it stand for a prediction; else undefined.
 *
 * @example
 * const foreseen = foresee(state, { sigma: 0.8, next: 0.75 }, rule);
 * const prediction = foreseen?.prediction ?? (await compute());
 */
export function foresee(
  state: ForecastState,
  { sigma, next }: Step,
  { tolerance, mostInARow }: ForecastRule,
): { readonly prediction: Float32Array; readonly state: ForecastState } | undefined {
  // An error that is no number is not below anything.
  if (state.inARow >= mostInARow || !(expectedError(state, sigma) * Math.abs(next - sigma) < tolerance))
    return undefined;
  const prediction = extrapolate(state, sigma);
  return prediction && { prediction, state: { ...state, inARow: state.inARow + 1 } };
}

/** The state after a prediction that was computed. What would have been foreseen in its place tells the bend. */
export function learn(state: ForecastState, { sigma, prediction }: Point): ForecastState {
  const forecast = extrapolate(state, sigma);
  const bend = forecast && relativeError(forecast, prediction) / distances(state, sigma);
  return {
    points: [{ sigma, prediction }, ...state.points].slice(0, POINTS),
    bend: bend !== undefined && Number.isFinite(bend) ? bend : undefined,
    inARow: 0,
    computed: state.computed + 1,
  };
}

/** Root mean square of the difference, by that of the truth. */
function relativeError(forecast: Float32Array, truth: Float32Array): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < truth.length; i++) {
    difference += (forecast[i]! - truth[i]!) ** 2;
    size += truth[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}
