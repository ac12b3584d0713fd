import { isProcessor, parseDevices } from './devices.ts';
import type { ModelEstimate } from './estimate.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
/** On a CPU, an edit that takes longer is worth a word. */
const LONG_SECONDS = 30 * MINUTE;
/** A draft that takes more than this share of the time is no help. */
const MUCH_LESS = 0.7;

/** True for an edit on a CPU of whose time its caller should know before. */
export function isSlow({ device, seconds }: Pick<ModelEstimate, 'device' | 'seconds'>): boolean {
  return seconds !== null && seconds.median > LONG_SECONDS && parseDevices(device).flat().every(isProcessor);
}

/** True if the draft is worth being named beside the edit. */
export function isMuchFaster(draftSeconds: number, seconds: number): boolean {
  return draftSeconds < MUCH_LESS * seconds;
}

/** `about 12 minutes`, `about 2.4 hours`, `about 3 days`: as exact as an estimate deserves. */
export function aboutSeconds(seconds: number): string {
  if (seconds < 90) return `about ${plural(Math.max(1, Math.round(seconds)), 'second')}`;
  if (seconds < 90 * MINUTE) return `about ${plural(Math.round(seconds / MINUTE), 'minute')}`;
  if (seconds < 48 * HOUR) return `about ${plural(tenths(seconds / HOUR), 'hour')}`;
  return `about ${plural(Math.round(seconds / (24 * HOUR)), 'day')}`;
}

/**
 * The word about an edit that takes long on a CPU, and about the preset that takes less; undefined for any other. Commands, warnings of
 * jobs and answers of the API all say it so.
 */
export function slowEditWarning(estimate: Pick<ModelEstimate, 'device' | 'seconds' | 'draft'>): string | undefined {
  const { seconds, draft } = estimate;
  if (!isSlow(estimate) || seconds === null) return undefined;
  const basis = seconds.basis === 'history' ? 'by earlier edits' : 'a rough figure';
  const long = `On a CPU this edit takes ${aboutSeconds(seconds.median)} (${basis})`;
  return draft === null ? `${long}.` : `${long}; the preset draft takes ${aboutSeconds(draft.seconds.median)}.`;
}

const tenths = (value: number): number => (value < 10 ? Math.round(10 * value) / 10 : Math.round(value));
const plural = (value: number, unit: string): string => `${value} ${unit}${value === 1 ? '' : 's'}`;
