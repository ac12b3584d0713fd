import { bytesText, type PullProgress } from '@qwen-edit/hub';
import { type BarStyle, clock } from '../progress-bar.ts';

const BAR_WIDTH = 24;
const NAMES: Readonly<Record<PullProgress['phase'], string>> = {
  listing: 'asking the hub',
  waiting: 'waiting for another process that downloads it',
  checking: 'checking what is there',
  downloading: 'downloading',
  done: 'done',
};

/** One line: what happens, bar, bytes of all, rate, time left, file. Without a style the figures alone. */
export function renderPull(progress: PullProgress, style?: BarStyle): string {
  const { phase, file, bytesDone, bytes, bytesPerSecond, etaSeconds } = progress;
  const figures = [`${bytesText(bytesDone)} of ${bytesText(bytes)}`];
  if (bytesPerSecond !== null) figures.push(`${bytesText(bytesPerSecond)}/s`);
  if (etaSeconds !== null) figures.push(`ETA ${clock(etaSeconds)}`);
  const rest = figures.join('  ');
  if (style === undefined) return rest;
  const most = Math.max(0, style.columns - 1);
  if (bytes === 0 || phase === 'waiting') return NAMES[phase].slice(0, most);
  const filled = Math.round(Math.min(1, bytesDone / bytes) * BAR_WIDTH);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
  const length = NAMES[phase].length + BAR_WIDTH + rest.length + 3;
  // A line as wide as the terminal would wrap, and a wrapped line cannot be redrawn in place.
  if (length > most) return `${NAMES[phase]} ${rest}`.slice(0, most);
  const about = file === undefined ? '' : `  ${file}`;
  const name = length + about.length > most ? '' : about;
  return `${NAMES[phase]} ${style.color ? `\u001b[36m${bar}\u001b[0m` : bar}  ${rest}${name}`;
}
