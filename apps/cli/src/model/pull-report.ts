import type { ModelRef, PullProgress } from '@qwen-edit/hub';
import type { Terminal } from '../terminal.ts';
import { renderPull } from './pull-bar.ts';

export interface PullReport {
  readonly onProgress: (progress: PullProgress) => void;
  /** Takes the bar off the terminal. */
  readonly end: () => void;
}

export interface PullReportDeps {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly color: boolean;
  readonly ref: ModelRef;
  readonly now: () => number;
}

const EVENT_MS = 1000;
const WAITING = 'Another process downloads this model: waiting for it.';

/** On a terminal a bar, in a pipe a line when something begins, with --json events on standard output, at most one a second. */
export function createPullReport({ terminal, json, color, ref, now }: PullReportDeps): PullReport {
  let told: string | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;
  const line = (progress: PullProgress): void => {
    const { phase, bytesDone, bytes } = progress;
    if (phase === 'waiting') terminal.err(`${WAITING}\n`);
    if (phase === 'downloading' && bytes > bytesDone)
      terminal.err(`downloading ${ref.repo}: ${renderPull(progress)}\n`);
  };
  if (json)
    return {
      onProgress(progress) {
        if (progress.phase === told && now() - toldAt < EVENT_MS) return;
        [told, toldAt] = [progress.phase, now()];
        terminal.out(eventLine(progress));
      },
      end: () => undefined,
    };
  if (!terminal.errIsTty)
    return {
      onProgress(progress) {
        // Checking and downloading take turns.
        if (told === 'downloading' || told === progress.phase) return;
        told = progress.phase;
        line(progress);
      },
      end: () => undefined,
    };
  return {
    onProgress(progress) {
      if (progress.phase === 'done') return;
      terminal.err(`\r${renderPull(progress, { columns: terminal.columns(), color })}\u001b[K`);
      told = progress.phase;
    },
    end() {
      if (told !== undefined) terminal.err('\r\u001b[K');
      told = undefined;
    },
  };
}

function eventLine({
  phase,
  file,
  filesDone,
  files,
  bytesDone,
  bytes,
  bytesPerSecond,
  etaSeconds,
}: PullProgress): string {
  return `${JSON.stringify({
    event: 'progress',
    ...{ phase, ...(file === undefined ? {} : { file }) },
    ...{ files_done: filesDone, files, bytes_done: bytesDone, bytes },
    ...{ bytes_per_second: bytesPerSecond, eta_seconds: etaSeconds === null ? null : Math.round(etaSeconds) },
  })}\n`;
}
