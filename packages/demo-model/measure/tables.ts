/** Columns of text for a terminal: the first one flush left, the others flush right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .join('\n');
}

export const decibels = (value: number): string => (Number.isNaN(value) ? '' : value.toFixed(1));
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
