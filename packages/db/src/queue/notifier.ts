import type pg from 'pg';

/** The channel of NOTIFY on which waiting receivers of the Postgres queue are woken. */
export const QUEUE_CHANNEL = 'qwen_edit_queue';

/** Wakes the receivers of a Postgres queue. */
export interface Notifier {
  /** Never waits and never fails. If a notification is lost, receivers find the job when they poll next. */
  notify(): void;
}

/**
 * Notifies a channel outside of the transactions that give the reason. PostgreSQL commits transactions that notify one after the
 * other, each with its own flush to the disk, while others share a flush. So submissions do not notify themselves, and all that
 * come while one notification runs share the next one. Source: PreCommit_Notify in async.c.
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
