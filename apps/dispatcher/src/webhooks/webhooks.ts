import { pause } from '@qwen-edit/async';
import { toAppError } from '@qwen-edit/contract';
import { assignLanes, type DueLane, takeDeliveries } from '@qwen-edit/db';
import type { DispatcherDeps } from '../deps.ts';
import { runLoop } from '../loop.ts';
import { deliver, lockMs } from './deliver.ts';
import { shareSlots } from './share-slots.ts';

/** So many deliveries get their lane, and so many are begun, in one round. Another round follows at once. */
const ASSIGN_BATCH = 2000;
const TAKE_BATCH = 64;

/**
 * Delivers webhooks about jobs that have ended, each at least once within the schedule, every attempt under the same
 * webhook-id. Many deliveries run at the same time. Owners and receivers have shares of them, so that no number of receivers that
 * are slow or do not answer delays another: see shareSlots for the shares, and recordAttempt for receivers that are left alone.
 */
export async function runWebhooks(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { database, log, metrics, options } = deps;
  for (const result of ['delivered', 'retried', 'failed']) metrics.webhookAttempts.inc({ result }, 0);
  const active = new Map<Promise<void>, DueLane>();
  const drained = new AbortController();
  /** Aborted when an attempt has ended, or when it is time to stop. */
  let freed = new AbortController();
  signal.addEventListener('abort', () => freed.abort(), { once: true });

  const choose = (due: readonly DueLane[]) =>
    shareSlots(due, active.values(), {
      slots: options.webhookConcurrency,
      perReceiver: options.webhookPerReceiver,
      most: TAKE_BATCH,
    });
  const round = async (): Promise<number> => {
    freed = new AbortController();
    if (signal.aborted) return 0;
    const start = performance.now();
    const assigned = await assignLanes(database.db, ASSIGN_BATCH);
    const { taken, due } = await takeDeliveries(database, { choose, lockMs: lockMs(deps) });
    const tookMs = performance.now() - start;
    for (const delivery of taken) {
      const work = deliver(deps, delivery, drained.signal)
        .catch((thrown: unknown) => {
          metrics.loopErrors.inc({ loop: 'webhooks' });
          const { code } = toAppError(thrown);
          log.error({ webhook_id: delivery.id, code }, 'an attempt could not be recorded, it will be made again');
        })
        .finally(() => {
          active.delete(work);
          freed.abort();
        });
      active.set(work, delivery.lane);
    }
    // A look at very many receivers takes long; then there are fewer looks, so that they never are most of the database's work.
    if (taken.length > 0 || assigned > ASSIGN_BATCH / 2) return tookMs;
    // If there is something due that has to wait for a share, the end of any attempt may be the time for it.
    await pause(options.webhookPollMs, due > 0 ? freed.signal : signal);
    return tookMs;
  };

  await runLoop(deps, 'webhooks', round, signal);
  const drain = setTimeout(() => drained.abort(), options.webhookDrainMs);
  await Promise.all(active.keys());
  clearTimeout(drain);
}
