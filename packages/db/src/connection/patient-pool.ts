import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Connector } from './connector.ts';
import { isFull } from './database-error.ts';

export interface PatientPoolOptions {
  readonly connector: Connector;
  /** Connections at most. */
  readonly max: number;
  /** Who wants a connection waits for so long at most, be it that ours are in use or that the server takes no more. */
  readonly waitMs: number;
  /** Runs on each new connection before it is handed out. */
  readonly onConnect: (client: pg.ClientBase) => Promise<void>;
  /** The server takes fewer connections than `max`; told once until none was refused for a minute. */
  readonly onFull: () => void;
  /** Someone asks for a connection. What it returns is called when they have one, or an error. */
  readonly onAsk: () => () => void;
}

type Callback = Parameters<pg.Pool['connect']>[0];

/** So often, one more connection than the server took last time is asked for. */
const GROW_MS = 1000;
const QUIET_MS = 60_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/**
 * A pool whose callers wait for its own connections. Where the server, the role or a pooler has no place for one more, the
 * pool goes on with those that it holds and asks for more later; if it holds none, it tries until the wait is over. Other
 * failures to connect reject at once.
 */
export function createPatientPool({ connector, max, waitMs, onConnect, onFull, onAsk }: PatientPoolOptions): pg.Pool {
  const pool = new pg.Pool({
    max,
    Client: connector.Client,
    // For the pool this is the wait for a free connection. Opening one has a limit of its own, in the options of the client.
    connectionTimeoutMillis: waitMs,
    onConnect,
  });
  const { connect: connectNow } = pool;
  const connectOnce = (): Promise<pg.PoolClient> =>
    new Promise((resolve, reject) => {
      connectNow.call(pool, (error, client) => (client === undefined ? reject(error) : resolve(client)));
    });
  let first: Promise<pg.PoolClient> | undefined;
  let known = false;
  let refusedAt = Number.NEGATIVE_INFINITY;
  let growing: NodeJS.Timeout | undefined;
  let opening: Promise<void> | undefined;

  /** The server has refused one more: goes on with those that there are, and later tries one more at a time. */
  function shrink(): void {
    pool.options.max = Math.max(1, pool.totalCount);
    const now = performance.now();
    if (now - refusedAt > QUIET_MS) onFull();
    refusedAt = now;
    growing ??= setInterval(grow, GROW_MS).unref();
  }

  function grow(): void {
    pool.options.max = Math.min(max, pool.options.max + 1);
    if (pool.options.max < max && !pool.ending) return;
    clearInterval(growing);
    growing = undefined;
  }

  /**
   * Who comes while the first connection is being opened waits for it, as it finds out how to connect. If it fails, so do
   * they: they would have met the same.
   */
  async function connect(): Promise<pg.PoolClient> {
    if (known) return connectInTime();
    if (first !== undefined) {
      await first;
      return connectInTime();
    }
    first = connectInTime();
    try {
      const client = await first;
      known = true;
      return client;
    } finally {
      first = undefined;
    }
  }

  async function connectInTime(): Promise<pg.PoolClient> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      try {
        return await connector.run(connectOnce);
      } catch (thrown) {
        if (!isFull(thrown)) throw thrown;
        shrink();
        // With a connection of ours, the next round waits until it is free.
        if (pool.totalCount === 0) {
          opening ??= openOne().finally(() => {
            opening = undefined;
          });
          const late = deadline - performance.now();
          const left = new AbortController();
          await Promise.race([opening, delay(Math.max(0, late), undefined, { signal: left.signal })]).finally(() =>
            left.abort(),
          );
        }
        if (performance.now() >= deadline) throw thrown;
      }
    }
  }

  /** One caller tries for all, because each try costs the server a process. Ends when one is open, or fails otherwise. */
  async function openOne(): Promise<void> {
    const deadline = performance.now() + waitMs;
    for (
      let pauseMs = FIRST_PAUSE_MS;
      performance.now() < deadline;
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    ) {
      await delay(pauseMs);
      if (pool.ending || pool.totalCount > 0) return;
      const failure = await connector.run(connectOnce).then(
        (client) => client.release(),
        (thrown: unknown) => thrown,
      );
      if (!isFull(failure)) return;
    }
  }

  function connectPatiently(): Promise<pg.PoolClient>;
  function connectPatiently(callback: Callback): void;
  function connectPatiently(callback?: Callback): Promise<pg.PoolClient> | undefined {
    const connecting = connect().finally(onAsk());
    if (callback === undefined) return connecting;
    connecting.then(
      (client) => callback(undefined, client, (destroy?: Error | boolean) => client.release(destroy)),
      (error: Error) => callback(error, undefined, () => undefined),
    );
  }
  pool.connect = connectPatiently;
  return pool;
}
