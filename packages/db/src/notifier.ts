import type pg from 'pg';

/** Channel on which a Postgres queue's waiting receivers are woken. */
export const QUEUE_CHANNEL = 'qwen_edit_queue';

/** Wakes the receivers of a Postgres queue. */
export interface Notifier {
  /** Never waits and never fails: a notification that is lost is made up for by the receivers' own polling. */
  notify(): void;
}

/**
 * Notifies a channel, outside of the transactions that give the reason. PostgreSQL commits transactions that notify one after
 * the other, each with its own flush to the disk; apart from them, any number of commits share a flush, and any number of
 * reasons that come while a notification is under way share the next one. Source: PreCommit_Notify in async.c.
 */
export function createNotifier(pool: pg.Pool, channel: string): Notifier {
  let running: Promise<void> | undefined;
  let again = false;
  const run = async (): Promise<void> => {
    do {
      again = false;
      await pool.query('select pg_notify($1, $2)', [channel, '']).catch(() => undefined);
    } while (again);
    running = undefined;
  };
  return {
    notify() {
      if (running === undefined) running = run();
      else again = true;
    },
  };
}
