import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { CallResult } from '../api/call-result.ts';

/** Signs in to a service that needs an API key. A cookie holds the key; no script can read it. */
export interface BrowserSession {
  /** True while the page asks for the key. */
  readonly asking: Signal<boolean>;
  /** How many times a key was accepted. After each, calls that were refused can be tried again. */
  readonly entries: ReadonlySignal<number>;
  heard(answer: CallResult<unknown>): void;
  signIn(key: string): Promise<CallResult<void>>;
  signOut(): Promise<CallResult<void>>;
}

export interface BrowserSessionDeps {
  readonly enter: (key: string) => Promise<CallResult<void>>;
  readonly leave: () => Promise<CallResult<void>>;
  readonly signedIn: Signal<boolean>;
}

export function createBrowserSession({ enter, leave, signedIn }: BrowserSessionDeps): BrowserSession {
  const asking = signal(false);
  const entries = signal(0);
  // Calls that still run when the dialog is closed must not open it again.
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
