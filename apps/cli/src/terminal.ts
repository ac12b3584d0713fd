import { createProgressBar, NO_BAR, type ProgressBar } from './progress-bar.ts';
import type { Config } from './settings.ts';

/** Where a command writes to. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly errIsTty: boolean;
  readonly columns: () => number;
}

export interface ProgressBarContext {
  readonly terminal: Terminal;
  readonly config: Pick<Config, 'noColor'>;
  readonly now: () => number;
}

/** A progress bar on standard error if that is a terminal; in a pipe, one that shows nothing. */
export function progressBarFor({ terminal, config, now }: ProgressBarContext): ProgressBar {
  if (!terminal.errIsTty) return NO_BAR;
  return createProgressBar({
    write: terminal.err,
    now,
    style: () => ({ columns: terminal.columns(), color: !config.noColor }),
  });
}
