import { bytesText } from '@qwen-edit/hub';
import type { ModelFinding, StoredPrepared, VerifyProgress } from '@qwen-edit/pipeline';
import { type BarStyle, clock } from '../progress-bar.ts';

const BAR_WIDTH = 24;

/** One line: bar, bytes of all, rate, time left, the file that is read. */
export function renderVerify(progress: VerifyProgress, { columns, color }: BarStyle): string {
  const { file, bytesDone, bytes, bytesPerSecond, etaSeconds } = progress;
  const figures = [`${bytesText(bytesDone)} of ${bytesText(bytes)}`];
  if (bytesPerSecond !== null) figures.push(`${bytesText(bytesPerSecond)}/s`);
  if (etaSeconds !== null) figures.push(`ETA ${clock(etaSeconds)}`);
  const rest = figures.join('  ');
  // A line as wide as the terminal would wrap, and a wrapped line cannot be redrawn in place.
  const most = Math.max(0, columns - 1);
  const length = 'reading '.length + BAR_WIDTH + 2 + rest.length;
  if (length > most) return `reading ${rest}`.slice(0, most);
  const filled = bytes === 0 ? BAR_WIDTH : Math.round(Math.min(1, bytesDone / bytes) * BAR_WIDTH);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
  const name = length + 2 + file.length > most ? '' : `  ${file}`;
  return `reading ${color ? `\u001b[36m${bar}\u001b[0m` : bar}  ${rest}${name}`;
}

/** A paragraph for each finding: where, what, and what to do. */
export function findingsText(findings: readonly ModelFinding[]): string {
  return findings
    .map(({ file, code, message, hint }) => `${file ?? 'the folder'} (${code})\n  ${message}\n  ${hint}\n`)
    .join('\n');
}

/** `read`: bytes that were read, if contents were. */
export function wholeText(dir: string, read: VerifyProgress | undefined): string {
  if (read === undefined)
    return `${dir} is whole as far as file sizes and headers tell. Without --quick, all of it is read.\n`;
  return `${dir} is whole: ${read.files} files, ${bytesText(read.bytes)}.\n`;
}

/** A line about prepared weights that are as they were written. */
export function preparedText({ precision, bytes, folder }: StoredPrepared): string {
  return `Its weights for ${precision} are as they were prepared: ${bytesText(bytes)} in ${folder}.\n`;
}
