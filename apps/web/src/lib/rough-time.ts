const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** Seconds as exact as an estimate deserves: to the second, ten seconds, the minute, ten minutes, the hour. */
export function roughSeconds(seconds: number): number {
  const to = (unit: number): number => Math.max(unit, Math.round(seconds / unit) * unit);
  if (seconds < 20) return to(1);
  if (seconds < 5 * MINUTE) return to(10);
  if (seconds < HOUR) return to(MINUTE);
  return seconds < 10 * HOUR ? to(10 * MINUTE) : to(HOUR);
}
