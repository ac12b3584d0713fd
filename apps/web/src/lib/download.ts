import type { ModelDownload } from '@qwen-edit/contract';
import type { Dictionary } from '../i18n/en.ts';
import type { Format } from './format.ts';

/** How much of a download is there, 0 to 1; undefined if it is not known. */
export function downloadFraction({ phase, bytes_done, bytes }: ModelDownload): number | undefined {
  return bytes === 0 || phase === 'waiting' ? undefined : Math.min(1, bytes_done / bytes);
}

const MINUTE = 60;
/** From here on seconds say nothing. */
const LONG = 5 * MINUTE;

/** How far a download is, in parts: amount, pace, time left, files. */
export function downloadParts({ download: words }: Dictionary, format: Format, download: ModelDownload): string[] {
  const { phase, bytes_done, bytes, files_done, files, bytes_per_second: rate, eta_seconds: left } = download;
  if (phase === 'waiting') return [words.elsewhere];
  if (bytes === 0) return [words.listing];
  const parts = [words.amount(format.bytes(bytes_done), format.bytes(bytes))];
  if (phase === 'checking') return [...parts, words.checking];
  if (rate !== null) parts.push(words.pace(format.bytes(rate)));
  if (left !== null) parts.push(words.left(format.duration(left < LONG ? left : Math.round(left / MINUTE) * MINUTE)));
  if (files > 0) parts.push(words.files(format.number(files_done), format.number(files)));
  return parts;
}
