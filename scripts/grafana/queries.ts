import type { Query } from './panels.ts';

/** Of the devices that are chosen at the top; a dispatcher's attempts have none, and belong to all. */
export const OF_DEVICE = 'device=~"$device"';

/** The choice of devices at the top. */
export const DEVICES = {
  kind: 'values',
  name: 'device',
  label: 'Device',
  query: 'label_values(qwen_edit_worker_ready, device)',
} as const;

/** Of the seconds that engines worked. */
export const ADDED_AT_END =
  'The time of an attempt is added when it ends: edits that are longer than the time between two points make peaks.';

/** What happened each second, over about the time between two points of a graph. */
export const rate = (metric: string, labels = ''): string => `rate(${metric}{${labels}}[$__rate_interval])`;

/** What happened in the time that is shown. */
export const increase = (metric: string, labels = ''): string => `increase(${metric}{${labels}}[$__range])`;

/** The time that so many of 100 observations of a histogram took at most. `by`: more labels to keep. */
export function percentileOf(n: number, histogram: string, labels = '', by: readonly string[] = []): string {
  return `histogram_quantile(${n / 100}, sum by (${['le', ...by].join(', ')}) (${rate(`${histogram}_bucket`, labels)}))`;
}

/** The middle, and what the slowest take: lines of 50, 95 and 99 of 100. */
export function percentiles(histogram: string, labels = ''): readonly Query[] {
  return [50, 95, 99].map((n) => ({ expr: percentileOf(n, histogram, labels), legend: `${n} % take at most` }));
}

/** The mean of a histogram's observations. */
export function meanOf(histogram: string, labels = '', by: readonly string[] = []): string {
  const sum = (part: string): string => `sum by (${by.join(', ')}) (${rate(`${histogram}_${part}`, labels)})`;
  return `${sum('sum')} / ${sum('count')}`;
}

/** A metric that every process has, with the role of the process. Names of jobs differ between deployments, roles do not. */
export const perRole = (metric: string, labels = 'role', factor = ''): string =>
  `${metric} * on (job, instance) group_left (${labels}) qwen_edit_build_info${factor}`;

/** The query, or one line at 0 whose label says `none` while there is nothing of it. */
export const orNone = (expr: string, label: string): string =>
  `${expr} or label_replace(vector(0), "${label}", "none", "", "")`;
