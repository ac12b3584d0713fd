import { batch, computed, type ReadonlySignal, signal } from '@preact/signals';
import type { Client } from '@qwen-edit/client';
import { isTerminal, isTerminalEvent, type Job } from '@qwen-edit/contract';
import type { CallResult, CallService, Failure } from '../api/call-result.ts';
import { listenToEvents } from '../api/event-source.ts';
import type { Heard } from '../lib/eta.ts';
import { EMPTY_TRACK, follow, type Track } from '../lib/track.ts';
import { createBell } from './bell.ts';
import type { BrowserSession } from './browser-session.ts';
import type { Connection } from './connection.ts';

/** One job, kept up to date. */
export interface JobView {
  readonly id: string;
  readonly job: ReadonlySignal<Job | undefined>;
  readonly track: ReadonlySignal<Track>;
  /** Why the job, or its newest state, could not be loaded. */
  readonly failure: ReadonlySignal<Failure | undefined>;
  /** The service's last estimate, and when it came. */
  readonly heard: ReadonlySignal<Heard>;
  /** When this page learned of the last step. */
  readonly lastStepAt: ReadonlySignal<number | undefined>;
  /** True from the request to stop until the job has ended. */
  readonly stopping: ReadonlySignal<boolean>;
  cancel(): Promise<CallResult<Job>>;
  /** Ends all calls and timers. */
  close(): void;
}

export interface JobViewDeps {
  readonly client: Pick<Client, 'eventsUrl'>;
  readonly callService: CallService;
  readonly connection: Pick<Connection, 'returns'>;
  readonly session: Pick<BrowserSession, 'entries'>;
  readonly now: () => number;
}

/** How often the job itself is loaded: its events do not tell its place in the queue. */
const WAITING_MS = 2500;
const LIVE_MS = 8000;
const DEAF_MS = 2000;

export function createJobView({ client, callService, connection, session, now }: JobViewDeps, id: string): JobView {
  const job = signal<Job | undefined>(undefined);
  const track = signal<Track>(EMPTY_TRACK);
  const failure = signal<Failure | undefined>(undefined);
  const heard = signal<Heard>({ etaSeconds: null, at: now() });
  const lastStepAt = signal<number | undefined>(undefined);
  const askedToStop = signal(false);
  const closing = new AbortController();
  const { signal: closed } = closing;
  const bell = createBell();
  let live = false;
  let listening = false;

  function learn(next: Job): void {
    batch(() => {
      job.value = next;
      failure.value = undefined;
      heard.value = { etaSeconds: next.progress.eta_seconds, at: now() };
    });
  }

  /** Reads the events so far at once, then listens to new ones. */
  async function listen(): Promise<void> {
    if (listening) return;
    listening = true;
    const log = await callService((to) => to.log(id, { after: track.value.seq, signal: closed }));
    if (!log.ok || closed.aborted) {
      listening = false;
      return;
    }
    track.value = log.value.reduce(follow, track.value);
    if (log.value.some(({ type }) => isTerminalEvent(type))) bell.ring();
    listenToEvents({
      url: client.eventsUrl(id, track.value.seq),
      onEvent: (event) => {
        batch(() => {
          if (event.type === 'job.progress') lastStepAt.value = now();
          track.value = follow(track.value, event);
        });
        // The job says what the event does not.
        if (event.type !== 'job.progress' && event.type !== 'job.preview') bell.ring();
      },
      onLive: (isLive) => {
        live = isLive;
        if (!isLive) bell.ring();
      },
      onEnd: () => {
        live = false;
        listening = false;
        bell.ring();
      },
      signal: closed,
    });
  }

  async function run(): Promise<void> {
    while (!closed.aborted) {
      const answer = await callService((to) => to.get(id, closed));
      if (closed.aborted) return;
      if (answer.ok) {
        learn(answer.value);
        if (isTerminal(answer.value.status)) return;
        void listen();
      } else {
        failure.value = answer.failure;
        if (answer.failure.code === 'not_found') return;
      }
      await bell.wait(pauseAfter(answer), closed);
    }
  }

  function pauseAfter(answer: CallResult<Job>): number {
    if (!answer.ok || !live) return DEAF_MS;
    return answer.value.status === 'queued' ? WAITING_MS : LIVE_MS;
  }

  const stops = [connection.returns.subscribe(bell.ring), session.entries.subscribe(bell.ring)];
  void run();

  return {
    id,
    job,
    track,
    failure,
    heard,
    lastStepAt,
    stopping: computed(() => {
      const { value } = job;
      if (value === undefined || isTerminal(value.status)) return false;
      return askedToStop.value || value.cancel_requested || track.value.cancelRequested;
    }),
    async cancel() {
      askedToStop.value = true;
      const answer = await callService((to) => to.cancel(id));
      if (answer.ok) learn(answer.value);
      else askedToStop.value = false;
      bell.ring();
      return answer;
    },
    close() {
      for (const stop of stops) stop();
      closing.abort();
    },
  };
}
