import { runDeadLetters } from './dead-letters.ts';
import { runDeletions } from './delete-objects.ts';
import type { DispatcherDeps } from './deps.ts';
import { runOrphanSweep } from './orphans.ts';
import { runReaper } from './reaper.ts';
import { runRelay } from './relay.ts';
import { runRetention } from './retention.ts';
import { checkWebhookSecret } from './webhooks/signature.ts';
import { runWebhooks } from './webhooks/webhooks.ts';

/**
 * Runs all background loops until the signal aborts. Any number of dispatchers may run: each takes what no other has. Throws
 * AppError `usage` at once if the webhook secret cannot be used; no failure of a database, storage or queue ends it.
 */
export async function runDispatcher(deps: DispatcherDeps, signal: AbortSignal): Promise<void> {
  const { webhookSecret } = deps.options;
  if (webhookSecret === undefined) {
    deps.log.warn('QWEN_EDIT_WEBHOOK_SECRET is not set: webhooks of jobs without a webhook_secret are not signed');
  } else checkWebhookSecret(webhookSecret);
  const loops = [runRelay, runReaper, runDeadLetters, runWebhooks, runRetention, runDeletions, runOrphanSweep];
  await Promise.all(loops.map((run) => run(deps, signal)));
}
