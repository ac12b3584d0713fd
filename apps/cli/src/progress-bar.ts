import type { JobProgress } from '@qwen-edit/contract';

/** What the bar knows. Times are milliseconds of one clock. */
export interface BarState extends JobProgress {
  /** When the stage began. */
  readonly startedAt: number;
  /** When its last step ended. */
  readonly steppedAt: number;
}

/** The state after an event. With a new stage the clock of its steps starts again. */
export function advance(state: BarState | undefined, event: JobProgress, now: number): BarState {
  const { stage, step, total } = event;
  const sameStage = state?.stage === stage && step >= state.step;
  return { stage, step, total, startedAt: sameStage ? state.startedAt : now, steppedAt: now };
}

export interface BarStyle {
  readonly columns: number;
  readonly color: boolean;
}

const BAR_WIDTH = 24;

/** One line: stage, bar, step of total, seconds a step, time left. Pure: the same state and clock give the same line. */
export function renderBar(state: BarState, now: number, { columns, color }: BarStyle): string {
  const { stage, step, total } = state;
  const done = total === 0 ? 0 : Math.min(1, step / total);
  const filled = Math.round(done * BAR_WIDTH);
  const parts = [`${step}/${total}`];
  if (step > 0) {
    const perStep = (state.steppedAt - state.startedAt) / step / 1000;
    const left = Math.max(0, perStep * (total - step) - (now - state.steppedAt) / 1000);
    parts.push(`${perStep.toFixed(perStep < 10 ? 2 : 1)} s/step`, `ETA ${clock(left)}`);
  } else {
    parts.push(clock((now - state.startedAt) / 1000));
  }
  const rest = parts.join('  ');
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
  const name = stage.padEnd(7);
  // A line as wide as the terminal would wrap, and a wrapped line cannot be redrawn in place.
  if (name.length + BAR_WIDTH + rest.length + 4 >= columns) return `${name} ${rest}`.slice(0, Math.max(0, columns - 1));
  return `${name} ${color ? `\u001b[36m${bar}\u001b[0m` : bar}  ${rest}`;
}

/** Seconds as people read them: 0:07, 12:40, 3:05:00. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(minutes / 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export interface ProgressBar {
  readonly onStep: (event: JobProgress) => void;
  /** Takes the bar off the terminal until the next event, so that a line can be written there. */
  readonly clear: () => void;
  /** Takes the bar off the terminal for good. */
  readonly end: () => void;
}

export interface ProgressBarDeps {
  readonly write: (text: string) => void;
  readonly now: () => number;
  readonly style: () => BarStyle;
}

const REDRAW_MS = 500;

/** Draws the bar in place after each event, and in between so that its clock goes on. */
export function createProgressBar({ write, now, style }: ProgressBarDeps): ProgressBar {
  let state: BarState | undefined;
  const draw = (): void => {
    if (state !== undefined) write(`\r${renderBar(state, now(), style())}\u001b[K`);
  };
  const clear = (): void => {
    if (state !== undefined) write('\r\u001b[K');
    state = undefined;
  };
  const timer = setInterval(draw, REDRAW_MS);
  timer.unref();
  return {
    onStep: (event) => {
      state = advance(state, event, now());
      draw();
    },
    clear,
    end: () => {
      clearInterval(timer);
      clear();
    },
  };
}

/** For pipes and files: shows nothing. */
export const NO_BAR: ProgressBar = { onStep: () => {}, clear: () => {}, end: () => {} };
