import { timeLimit } from '@qwen-edit/async';
import type { WorkerDeps } from './deps.ts';

/** What a worker needs besides its engine: storage, its disk included, database and queue. */
export interface Surroundings {
  /** Resolves if all of it answered a moment ago, or does now. Rejects with what is wrong, `canceled` by the signal. */
  check(signal: AbortSignal): Promise<void>;
  /** Something has failed: the next check asks again. */
  doubt(): void;
}

/** Asks before a job is claimed, so that a worker that cannot work takes none. A success counts for a while. */
export function createSurroundings({
  database,
  store,
  queue,
  options,
}: Pick<WorkerDeps, 'database' | 'store' | 'queue' | 'options'>): Surroundings {
  let goodUntil = 0;
  return {
    async check(signal) {
      if (performance.now() < goodUntil) return;
      const ms = options.answerMs;
      const askedAt = performance.now();
      await Promise.all([
        timeLimit((ending) => store.check(ending), { ms, signal, late: 'storage_unavailable' }),
        timeLimit(() => database.check(), { ms, signal, late: 'database_unavailable' }),
        timeLimit((ending) => queue.check(ending), { ms, signal, late: 'queue_unavailable' }),
      ]);
      goodUntil = askedAt + options.checkFreshMs;
    },
    doubt() {
      goodUntil = 0;
    },
  };
}
