import { z } from 'zod';

const count = z.int().min(0);

/** How far a worker is with the download of its model. */
export const modelDownloadSchema = z.object({
  /**
   * `listing`: asks the hub which files there are; `waiting`: another process downloads the same model to the same place;
   * `downloading`; `checking`. Later versions may know more.
   */
  phase: z.string(),
  /** Bytes and files that are there, and of the whole model: 0 until the hub has told. */
  bytes_done: count,
  bytes: count,
  files_done: count,
  files: count,
  /** null until there is enough to measure it from. */
  bytes_per_second: z.number().min(0).nullable(),
  eta_seconds: z.number().min(0).nullable(),
});
export type ModelDownload = Readonly<z.output<typeof modelDownloadSchema>>;

/** One line: `12.3 of 57.7 GB, 45 MB/s, about 17 minutes left`. Decimal units, as the hub's pages have them. */
export function downloadText({
  phase,
  bytes_done,
  bytes,
  bytes_per_second: rate,
  eta_seconds: left,
}: ModelDownload): string {
  if (phase === 'waiting') return 'another process is downloading it';
  if (bytes === 0) return 'asking which files there are';
  const unit = unitOf(bytes);
  const amount = `${inUnit(bytes_done, unit)} of ${inUnit(bytes, unit)} ${unit.name}`;
  if (phase === 'checking') return `${amount}, checking the files`;
  const parts = [amount];
  if (rate !== null) parts.push(`${inUnit(rate, unitOf(rate))} ${unitOf(rate).name}/s`);
  if (left !== null) parts.push(`about ${timeText(left)} left`);
  return parts.join(', ');
}

const UNITS = [
  { name: 'GB', size: 1e9, digits: 1 },
  { name: 'MB', size: 1e6, digits: 0 },
  { name: 'kB', size: 1e3, digits: 0 },
  { name: 'B', size: 1, digits: 0 },
] as const;
type Unit = (typeof UNITS)[number];

const unitOf = (bytes: number): Unit => UNITS.find(({ size }) => bytes >= size) ?? UNITS[3];
const inUnit = (bytes: number, { size, digits }: Unit): string => (bytes / size).toFixed(digits);

function timeText(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return counted(Math.max(1, Math.round(seconds)), 'second');
  if (minutes < 90) return counted(minutes, 'minute');
  return `${counted(Math.floor(minutes / 60), 'hour')} ${minutes % 60} min`;
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
