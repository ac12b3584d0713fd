import { onTestFinished } from 'vitest';
import {
  DISPATCHER_DEFAULTS,
  type DispatcherDeps,
  type DispatcherOptions,
  runDispatcher,
} from '../../apps/dispatcher/src/index.ts';
import { createSafeFetch } from '../../packages/net/src/index.ts';
import type { TestSetup } from '../worker/harness.ts';

export const HOUR_MS = 3_600_000;

/** Options for tests: loops never wait long, and nothing is old unless a test says so. */
const FAST_DISPATCHER: DispatcherOptions = {
  ...DISPATCHER_DEFAULTS,
  baseUrl: 'https://edit.example',
  reapMs: 50,
  relayIdleMs: 20,
  webhookPollMs: 20,
  webhookTimeoutMs: 1000,
  webhookDrainMs: 200,
  sweepMs: 100,
  backoffFirstMs: 20,
  backoffMaxMs: 200,
};

export function depsOf(
  setup: TestSetup,
  options: Partial<DispatcherOptions> = {},
  changes: Partial<DispatcherDeps> = {},
): DispatcherDeps {
  const { workerDatabase: database, store, queue, log, metrics } = setup;
  const net = createSafeFetch({ allowPrivate: true, maxBytes: 1000, timeoutMs: 5000, maxRedirects: 3 });
  onTestFinished(() => net.close());
  return {
    database,
    store,
    queue,
    log,
    metrics,
    net,
    options: { ...FAST_DISPATCHER, ...options },
    random: () => 0.5,
    ...changes,
  };
}

type Loop = (deps: DispatcherDeps, signal: AbortSignal) => Promise<void>;

/** Runs one loop, or all of them; it is stopped when the test is over. */
export function start(deps: DispatcherDeps, loop: Loop = runDispatcher): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const done = loop(deps, stopping.signal);
  const stop = (): Promise<void> => {
    stopping.abort();
    return done;
  };
  onTestFinished(stop);
  return { stop };
}
