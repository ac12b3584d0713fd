import { KINDS } from './exact-edits.ts';
import { mean } from './pictures.ts';
import { meanOfRow, meanOfRows, type QualityRow } from './quality.ts';
import { overall, type ReadingRow } from './reading.ts';
import { decibels, formatTable, percent } from './tables.ts';

/** Mean PSNR in dB of each kind, by language and by photo (over the languages that were measured). */
export function qualityTable(rows: readonly QualityRow[], photos: readonly string[]): string {
  const lines = rows.map((row) => [
    row.kind,
    decibels(mean(row.en)),
    decibels(mean(row.zh)),
    ...photos.map((_, i) => decibels(mean([row.en, row.zh].flatMap((list) => list.slice(i, i + 1))))),
    decibels(meanOfRow(row)),
  ]);
  const all = ['all', '', '', ...photos.map(() => ''), decibels(meanOfRows(rows))];
  return formatTable(['PSNR, dB', 'en', 'zh', ...photos, 'mean'], [...lines, all]);
}

/** Share understood of each kind and language. */
export function readingTable(rows: readonly ReadingRow[]): string {
  const names = [...KINDS, 'unknown'].filter((name) => rows.some((row) => row.name === name));
  const cells = (name: string): string[] =>
    rows.filter((row) => row.name === name).flatMap((row) => [percent(row.share), `${row.phrases}`]);
  const all = ['all', percent(overall(rows)), `${rows.reduce((sum, row) => sum + row.phrases, 0)}`];
  return formatTable(
    ['understood', 'en', 'phrases', 'zh', 'phrases'],
    [...names.map((name) => [name, ...cells(name)]), all],
  );
}

/** The phrases that were taken for another kind. */
export function mistakesOf(rows: readonly ReadingRow[]): string {
  return rows
    .flatMap(({ name, mistakes }) => mistakes.map(({ phrase, read }) => `${name} read as ${read}: ${phrase}`))
    .join('\n');
}
