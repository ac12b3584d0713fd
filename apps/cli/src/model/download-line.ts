import { downloadText, type ModelDownload } from '@qwen-edit/contract';
import type { BarStyle } from '../progress-bar.ts';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

const BAR_WIDTH = 24;

/** One line: model, bar, share, amount, rate, time left. */
export function renderDownload(model: string, download: ModelDownload, { columns, color }: BarStyle): string {
  const { bytes_done, bytes } = download;
  const share = bytes === 0 ? 0 : Math.min(1, bytes_done / bytes);
  const filled = Math.floor(share * BAR_WIDTH);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
  const percent = `${Math.floor(share * 100)} %`;
  const text = downloadText(download);
  // A line as wide as the terminal would wrap, and a wrapped line cannot be redrawn in place.
  const fits = [`${model}  ${bar}  ${percent}  ${text}`, `${model}  ${percent}  ${text}`, `${percent}  ${text}`].find(
    (line) => line.length < columns,
  );
  const line = fits ?? `${percent}  ${text}`.slice(0, Math.max(0, columns - 1));
  return color ? line.replace(bar, `\u001b[36m${bar}\u001b[0m`) : line;
}

/** The line of a download on a terminal, redrawn in place; in a pipe it shows nothing, where the log tells. */
export interface DownloadLine {
  show(model: string, download: ModelDownload | undefined): void;
  /** Takes the line away until the next news, so that another can be written there. */
  clear(): void;
}

const REDRAW_MS = 200;

export function createDownloadLine({
  terminal,
  config,
  now,
}: {
  readonly terminal: Terminal;
  readonly config: Pick<Config, 'noColor'>;
  readonly now: () => number;
}): DownloadLine {
  let drawn = false;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let phase: string | undefined;
  const clear = (): void => {
    if (drawn) terminal.err('\r\u001b[K');
    drawn = false;
  };
  return {
    show(model, download) {
      if (!terminal.errIsTty) return;
      if (download === undefined) return clear();
      if (download.phase === phase && now() - drawnAt < REDRAW_MS) return;
      phase = download.phase;
      drawnAt = now();
      drawn = true;
      const style = { columns: terminal.columns(), color: !config.noColor };
      terminal.err(`\r${renderDownload(model, download, style)}\u001b[K`);
    },
    clear,
  };
}
