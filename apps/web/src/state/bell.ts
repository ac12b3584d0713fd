/** A wait that can be ended early. */
export interface Bell {
  /** Ends all waits. */
  ring(): void;
  /** Resolves after `ms`, at a ring, or when the signal aborts. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let waiting: (() => void)[] = [];
  const ring = (): void => {
    const all = waiting;
    waiting = [];
    for (const end of all) end();
  };
  return {
    ring,
    wait: (ms, signal) => {
      if (signal.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      waiting.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
      return promise.finally(() => {
        clearTimeout(timer);
        waiting = waiting.filter((each) => each !== resolve);
      });
    },
  };
}
