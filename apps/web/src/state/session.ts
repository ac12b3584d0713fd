import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { CallResult } from '../api/call-result.ts';

/** The API key of a service that asks for one: a cookie holds it, which no script can read. */
export interface Session {
  /** True while the page asks for the key. */
  readonly asking: Signal<boolean>;
  /** How often a key was accepted; what was refused may be asked for again then. */
  readonly entries: ReadonlySignal<number>;
  heard(answer: CallResult<unknown>): void;
  signIn(key: string): Promise<CallResult<void>>;
  signOut(): Promise<CallResult<void>>;
}

export interface SessionDeps {
  readonly enter: (key: string) => Promise<CallResult<void>>;
  readonly leave: () => Promise<CallResult<void>>;
  readonly signedIn: Signal<boolean>;
}

export function createSession({ enter, leave, signedIn }: SessionDeps): Session {
  const asking = signal(false);
  const entries = signal(0);
  // Calls that were under way when the dialog was closed must not open it again.
  let declined = false;
  return {
    asking,
    entries,
    heard(answer) {
      if (answer.ok || answer.failure.code !== 'unauthorized' || asking.value || declined) return;
      declined = true;
      signedIn.value = false;
      asking.value = true;
    },
    async signIn(key) {
      const answer = await enter(key);
      if (answer.ok) {
        declined = false;
        signedIn.value = true;
        asking.value = false;
        entries.value++;
      }
      return answer;
    },
    async signOut() {
      const answer = await leave();
      if (answer.ok) {
        declined = false;
        signedIn.value = false;
        entries.value++;
      }
      return answer;
    },
  };
}
