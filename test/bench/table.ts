export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly theirs?: string;
  /** How the two compare, with the aim and whether it is met. */
  readonly verdict?: string;
}

export const perSecond = (rate: number): string => `${rate.toFixed(0)}/s`;
export const formatMs = (time: number): string => `${time < 10 ? time.toFixed(2) : time.toFixed(1)} ms`;

/** A ratio beside its aim. */
export const times = (ratio: number, aim: { readonly least?: number; readonly most?: number }): string => {
  const { least = 0, most = Number.POSITIVE_INFINITY } = aim;
  const wanted = aim.least === undefined ? `at most ${most}×` : `at least ${least}×`;
  return `${ratio.toFixed(2)}× (${wanted}: ${ratio >= least && ratio <= most ? 'yes' : 'no'})`;
};

/** The rows as a Markdown table whose columns are of one width each. */
export function tableOf(rows: readonly Row[]): string {
  const cells = [
    ['', 'qwen-edit', 'graphile-worker', 'compared (aim: met?)'],
    ...rows.map(({ what, ours, theirs = '', verdict = '' }) => [what, ours, theirs, verdict]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = cells;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}
