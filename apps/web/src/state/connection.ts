import { type ReadonlySignal, signal } from '@preact/signals';
import type { CallResult } from '../api/call-result.ts';
import { createBell } from './bell.ts';

/** Whether the service answers. */
export interface Connection {
  readonly lost: ReadonlySignal<boolean>;
  /** When the next try is, in milliseconds since 1970; undefined during a try, and while the service answers. */
  readonly nextTry: ReadonlySignal<number | undefined>;
  /** How many times the service came back. */
  readonly returns: ReadonlySignal<number>;
  /** Has to be told how every call ended. */
  heard(answer: CallResult<unknown>): void;
  tryNow(): void;
}

export interface ConnectionDeps {
  readonly probe: () => Promise<CallResult<unknown>>;
  readonly now: () => number;
}

const PAUSES_MS = [1000, 2000, 3000, 5000] as const;
const LONGEST_PAUSE_MS = 5000;

export function createConnection({ probe, now }: ConnectionDeps): Connection {
  const lost = signal(false);
  const nextTry = signal<number | undefined>(undefined);
  const returns = signal(0);
  const bell = createBell();
  const never = new AbortController().signal;

  async function probeUntilBack(): Promise<void> {
    for (let tries = 0; lost.value; tries++) {
      const pause = PAUSES_MS[tries] ?? LONGEST_PAUSE_MS;
      nextTry.value = now() + pause;
      await bell.wait(pause, never);
      nextTry.value = undefined;
      if (lost.value) await probe();
    }
  }

  return {
    lost,
    nextTry,
    returns,
    heard(answer) {
      if (!answer.ok && answer.failure.code === 'canceled') return;
      const away = !answer.ok && answer.failure.code === 'service_unreachable';
      if (away === lost.value) return;
      lost.value = away;
      if (away) void probeUntilBack();
      else {
        nextTry.value = undefined;
        returns.value++;
        bell.ring();
      }
    },
    tryNow: () => bell.ring(),
  };
}
