type Stage = 'encode_s' | 'denoise_s' | 'decode_s';

/** Measures how long the stages of an edit take, in seconds. */
interface Stopwatch {
  /** Ends a stage: the time since the last call, or since the start, is its own. */
  lap(stage: Stage): void;
  /** The stages that have ended, and all of the time since the start. */
  timings(): Readonly<Record<Stage | 'total_s', number>>;
}

export function createStopwatch(): Stopwatch {
  const laps: Record<Stage, number> = { encode_s: 0, denoise_s: 0, decode_s: 0 };
  const start = performance.now();
  let last = start;
  return {
    lap(stage) {
      const now = performance.now();
      laps[stage] = (now - last) / 1000;
      last = now;
    },
    timings: () => ({ ...laps, total_s: (performance.now() - start) / 1000 }),
  };
}
