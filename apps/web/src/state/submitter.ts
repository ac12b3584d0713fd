import { type ReadonlySignal, signal } from '@preact/signals';
import type { Job } from '@qwen-edit/contract';
import type { CallService, Failure } from '../api/call-result.ts';
import { createUpload } from '../api/upload.ts';
import { createBell } from './bell.ts';
import type { Connection } from './connection.ts';

export type SubmitPhase =
  | { readonly name: 'idle' }
  /** `sent` of `total` bytes. When all are sent, the service checks them. */
  | { readonly name: 'sending'; readonly sent: number; readonly total: number }
  | { readonly name: 'reconnecting' }
  | { readonly name: 'refused'; readonly failure: Failure }
  /** The service asks to try again at `until`, in milliseconds since 1970. */
  | { readonly name: 'later'; readonly failure: Failure; readonly until: number };

/** Sends one submission at a time. However often it is sent, it makes one job. */
export interface Submitter {
  readonly phase: ReadonlySignal<SubmitPhase>;
  /** `sameAs` is equal for equal submissions, so that another try has the same key. Returns undefined if no job was made. */
  submit(
    pictures: readonly Blob[],
    parameters: Readonly<Record<string, unknown>>,
    sameAs: string,
  ): Promise<Job | undefined>;
  /** Stops sending. */
  cancel(): void;
  /** Forgets a refusal. */
  reset(): void;
}

export interface SubmitterDeps {
  readonly callService: CallService;
  readonly connection: Pick<Connection, 'lost' | 'returns'>;
  readonly newKey: () => string;
  readonly now: () => number;
}

/** After so many broken connections in a row the submitter gives up. */
const TRIES = 6;
const BREATH_MS = 1500;
const IDLE = { name: 'idle' } as const;

export function createSubmitter({ callService, connection, newKey, now }: SubmitterDeps): Submitter {
  const phase = signal<SubmitPhase>(IDLE);
  let attempt: { readonly sameAs: string; readonly key: string } | undefined;
  let sending = new AbortController();

  /** Waits until the service is back. */
  async function untilBack(signal: AbortSignal): Promise<void> {
    const bell = createBell();
    const unsubscribe = connection.lost.subscribe((lost) => {
      if (!lost) setTimeout(bell.ring, BREATH_MS);
    });
    await bell.wait(24 * 3600 * 1000, signal);
    unsubscribe();
  }

  return {
    phase,
    async submit(pictures, parameters, sameAs) {
      if (phase.value.name === 'sending' || phase.value.name === 'reconnecting') return undefined;
      if (attempt?.sameAs !== sameAs) attempt = { sameAs, key: newKey() };
      const submission = { images: pictures, parameters, idempotencyKey: attempt.key };
      sending = new AbortController();
      const { signal } = sending;
      for (let tries = 1; ; tries++) {
        phase.value = { name: 'sending', sent: 0, total: 1 };
        const upload = createUpload((sent, total) => {
          if (phase.value.name === 'sending') phase.value = { name: 'sending', sent, total };
        });
        const answer = await callService((client) => client.submit(submission, signal, upload));
        if (answer.ok) {
          attempt = undefined;
          phase.value = IDLE;
          return answer.value;
        }
        const { failure } = answer;
        if (signal.aborted) {
          phase.value = IDLE;
          return undefined;
        }
        const passing = failure.code === 'service_unreachable' || failure.code === 'idempotency_in_flight';
        if (!passing || tries >= TRIES) {
          phase.value =
            failure.retryAfter === undefined
              ? { name: 'refused', failure }
              : { name: 'later', failure, until: now() + failure.retryAfter * 1000 };
          return undefined;
        }
        phase.value = { name: 'reconnecting' };
        await untilBack(signal);
      }
    },
    cancel: () => sending.abort(),
    reset: () => {
      if (phase.value.name === 'refused' || phase.value.name === 'later') phase.value = IDLE;
    },
  };
}
