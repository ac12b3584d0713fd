import { pause } from '@qwen-edit/async';
import { toAppError } from '@qwen-edit/contract';
import { takeDeliveries } from '@qwen-edit/db';
import type { DispatcherDeps } from '../deps.ts';
import { runLoop } from '../loop.ts';
import { deliver, lockMs } from './deliver.ts';

/**
 * Delivers webhooks about jobs that have ended, each at least once within the schedule, every attempt under the same
 * webhook-id. Many deliveries run at the same time, but only a few to one receiver, so that a slow one delays nobody else.
 */
export async function runWebhooks(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { database, log, metrics, options } = deps;
  const active = new Map<Promise<void>, string>();
  const drained = new AbortController();

  const round = async (): Promise<number> => {
    const free = options.webhookConcurrency - active.size;
    if (free === 0) {
      await Promise.race([...active.keys(), pause(options.webhookPollMs, signal)]);
      return 0;
    }
    // Takes no more at a time than one receiver may have: they may all be for one receiver.
    const limit = Math.min(free, options.webhookPerReceiver);
    const due = await takeDeliveries(database.db, { limit, lockMs: lockMs(deps), busy: busyReceivers() });
    for (const delivery of due) {
      const work = deliver(deps, delivery, drained.signal)
        .catch((thrown: unknown) => {
          metrics.loopErrors.inc({ loop: 'webhooks' });
          const { code } = toAppError(thrown);
          log.error({ webhook_id: delivery.id, code }, 'an attempt could not be recorded, it will be made again');
        })
        .finally(() => active.delete(work));
      active.set(work, delivery.receiver);
    }
    return due.length < limit ? options.webhookPollMs : 0;
  };
  const busyReceivers = (): string[] => {
    const receivers = [...active.values()];
    const countOf = (each: string): number => receivers.filter((other) => other === each).length;
    return [...new Set(receivers)].filter((each) => countOf(each) >= options.webhookPerReceiver);
  };

  await runLoop(deps, 'webhooks', round, signal);
  const drain = setTimeout(() => drained.abort(), options.webhookDrainMs);
  await Promise.all(active.keys());
  clearTimeout(drain);
}
