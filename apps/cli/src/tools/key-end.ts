import { AppError } from '@qwen-edit/contract';
import type { KeyEnd } from '@qwen-edit/db';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
const DURATION = /^([1-9]\d{0,5})([smhdw])$/;
/** RFC 3339: a date, which begins at midnight UTC, or a time with its offset. */
const DATE = /^\d{4}-\d\d-\d\d$/;
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

/** When a key ends, as `--expires` says it: a duration as 90d or 12h, or a date of RFC 3339. Throws AppError `usage`. */
export function keyEndOf(said: string | undefined): KeyEnd | undefined {
  if (said === undefined) return undefined;
  const text = said.trim();
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return { afterMs: Number(count) * (UNIT_MS[unit] ?? 0) };
  const at = new Date(text);
  const isDate = DATE.test(text) || DATE_TIME.test(text);
  // JavaScript moves 30 February to 2 March.
  if (isDate && !Number.isNaN(at.getTime()) && isOfCalendar(text)) return { at };
  throw new AppError('usage', `--expires takes a duration as 90d or 12h, or a date as 2027-01-31; got '${said}'.`, {
    hint: 'Durations are whole numbers with s, m, h, d or w. A date begins at midnight UTC; a time needs its offset, as 2027-01-31T18:00:00Z.',
  });
}

function isOfCalendar(text: string): boolean {
  const day = text.slice(0, 10);
  const parsed = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day);
}
