import type { PullProgress } from '@qwen-edit/hub';
import type { Config } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { renderPull } from './pull-bar.ts';

/** The line of a download under the log of a service on a terminal, redrawn in place. In a pipe it shows nothing: the log tells. */
export interface DownloadLine {
  /** undefined: the download has ended. */
  show(progress: PullProgress | undefined): void;
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
    show(progress) {
      if (!terminal.errIsTty) return;
      if (progress === undefined) return clear();
      if (drawn && progress.phase === phase && now() - drawnAt < REDRAW_MS) return;
      phase = progress.phase;
      drawnAt = now();
      drawn = true;
      const style = { columns: terminal.columns(), color: !config.noColor };
      terminal.err(`\r${renderPull(progress, style)}\u001b[K`);
    },
    clear,
  };
}
