import { type ReadonlySignal, signal } from '@preact/signals';

/** Tells screen readers how things go on, without drowning them. */
export interface Announcer {
  readonly text: ReadonlySignal<string>;
  say(text: string): void;
  /** Said only if nothing was said for a while. */
  mention(text: string): void;
}

const QUIET_MS = 12_000;

export function createAnnouncer(now: () => number): Announcer {
  const text = signal('');
  let saidAt = Number.NEGATIVE_INFINITY;
  const say = (words: string): void => {
    saidAt = now();
    text.value = words;
  };
  return {
    text,
    say,
    mention: (words) => {
      if (now() - saidAt >= QUIET_MS) say(words);
    },
  };
}
