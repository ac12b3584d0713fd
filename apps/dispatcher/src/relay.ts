import { markSent, returnToOutbox, takeOutbox } from '@qwen-edit/db';
import type { DispatcherDeps } from './deps.ts';
import { runLoop } from './loop.ts';

/** Delay before messages that the queue refused, while it took others, are sent again. */
const REFUSED_MS = 1000;

/**
 * Sends the outbox to the queue, in the order of commits. Each message is sent at least once: if a dispatcher dies between the
 * queue's answer and the mark in the outbox, the message is sent again, which is harmless because jobs are claimed.
 */
export async function runRelay(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { database, queue, options, log } = deps;
  const { db } = database;
  if (!queue.relayed) return;

  let unmarked: Awaited<ReturnType<typeof markSent>> = [];
  const round = async (): Promise<number> => {
    unmarked = await markSent(db, unmarked);
    const rows = await takeOutbox(db, options.relayBatch, options.relayLockMs);
    if (rows.length === 0) return options.relayIdleMs;
    const taken = await queue.send(rows, signal).catch(async (thrown: unknown) => {
      // If this fails too, the rows come back when their lock ends.
      await returnToOutbox(db, rows, 0).catch(() => undefined);
      throw thrown;
    });
    const sent = rows.filter((_, i) => taken[i] === true);
    const refused = rows.filter((_, i) => taken[i] !== true);
    // Remembered first: if the database does not answer now, the next round marks them, and they are not sent again.
    unmarked = unmarked.concat(sent);
    unmarked = await markSent(db, unmarked);
    if (refused.length > 0) {
      log.warn({ refused: refused.length, sent: sent.length }, 'the queue has refused messages, they are sent again');
      await returnToOutbox(db, refused, REFUSED_MS);
    }
    return rows.length < options.relayBatch ? options.relayIdleMs : 0;
  };
  await runLoop(deps, 'relay', round, signal);
}
