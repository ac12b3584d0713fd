import type { Terminal } from '../terminal.ts';

/** One line on a terminal that says what is tried; in a pipe nothing. */
export interface TestLine {
  readonly show: (what: string, done: number, total: number) => void;
  readonly clear: () => void;
}

const CLEAR = '\r\x1b[K';

export function createTestLine({ err, errIsTty, columns }: Terminal): TestLine {
  let isShown = false;
  return {
    show(what, done, total) {
      if (!errIsTty) return;
      isShown = true;
      err(`${CLEAR}${`testing ${what}: ${done} of ${total}`.slice(0, columns() - 1)}`);
    },
    clear() {
      if (isShown) err(CLEAR);
      isShown = false;
    },
  };
}
