import { readFile } from 'node:fs/promises';
import type { CardReport } from './card.ts';
import { askNvidiaSmi } from './nvidia-smi.ts';
import { runCardTool } from './run-tool.ts';

/** Tells what cards there are. The answer is kept for some seconds, and callers that ask at the same time share one question. */
interface CardWatch {
  /** Never rejects. */
  read(): Promise<CardReport>;
}

interface CardWatchOptions {
  /** How long an answer counts. */
  readonly freshMs?: number;
  readonly ask?: () => Promise<CardReport>;
  /** Milliseconds from any begin. */
  readonly now?: () => number;
}

const FRESH_MS = 3000;

export function createCardWatch({
  freshMs = FRESH_MS,
  ask = askThisMachine,
  now = () => performance.now(),
}: CardWatchOptions = {}): CardWatch {
  let answer: Promise<CardReport> | undefined;
  let until = 0;
  return {
    read() {
      if (answer === undefined || now() >= until) {
        until = Number.POSITIVE_INFINITY;
        answer = ask().finally(() => {
          until = now() + freshMs;
        });
      }
      return answer;
    },
  };
}

const askThisMachine = (): Promise<CardReport> =>
  askNvidiaSmi({ run: runCardTool, read: (path) => readFile(path, 'utf8').catch(() => undefined) });
