import { DISPATCHER_DEFAULTS, runDispatcher } from '@qwen-edit/dispatcher';
import { createSafeFetch } from '@qwen-edit/net';
import type { RoleContext } from './role.ts';

/** An answer to a webhook is not read further than this. */
const ANSWER_BYTES = 64 * 1024;

/** Runs the background loops of a deployment until the signal says stop. */
export async function runLocalDispatcher(
  { config, backends, log, metrics }: RoleContext,
  {
    baseUrl,
    signal,
    defaultDeadlineMs,
  }: { readonly baseUrl: string; readonly signal: AbortSignal; readonly defaultDeadlineMs: number },
): Promise<void> {
  const net = createSafeFetch({
    allowPrivate: config.allowPrivateUrls,
    timeoutMs: config.webhookTimeoutMs,
    maxRedirects: 0,
    maxBytes: ANSWER_BYTES,
  });
  try {
    await runDispatcher(
      {
        database: backends.database,
        store: backends.store,
        queue: backends.queue,
        deadLetters: backends.deadLetters,
        net,
        log,
        metrics,
        options: {
          ...DISPATCHER_DEFAULTS,
          baseUrl,
          reapMs: config.reapMs,
          resendMs: config.resendMs,
          deadlineMs: config.deadlineMs ?? defaultDeadlineMs,
          webhookSecret: config.webhookSecret,
          webhookRetryMs: config.webhookRetryMs,
          webhookTimeoutMs: config.webhookTimeoutMs,
          retentionMs: config.retentionMs,
          unusedMs: config.unusedMs,
          orphanMs: config.orphanMs,
          sweepMs: config.sweepMs,
        },
      },
      signal,
    );
  } finally {
    await net.close();
  }
}
