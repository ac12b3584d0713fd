import { type AppError, presentJob, toAppError } from '@qwen-edit/contract';
import {
  type AttemptResult,
  type DeliveryAttempt,
  type JobRecord,
  readJob,
  recordAttempt,
  type TakenDelivery,
} from '@qwen-edit/db';
import type { DispatcherDeps } from '../deps.ts';
import { backoffMs, pause } from '../pause.ts';
import { createSigner } from './signature.ts';
import { type Answer, judge } from './verdict.ts';

const DELIVERED_BY = 'qwen-edit-webhooks';

/** How long a delivery stays this dispatcher's: longer than any attempt takes. */
export function lockMs({ options }: Pick<DispatcherDeps, 'options'>): number {
  return 2 * options.webhookTimeoutMs + options.webhookDrainMs;
}

/**
 * Makes one attempt of a delivery and notes it. When the signal ends the attempt nothing is noted: another dispatcher makes it
 * again, with the same webhook-id, as after a dispatcher's death. Rejects where the database cannot be used.
 */
export async function deliver(deps: DispatcherDeps, delivery: TakenDelivery, signal: AbortSignal): Promise<void> {
  const { database, metrics, options, log, random = Math.random, now = () => new Date() } = deps;
  const record = await readJob(database.db, { id: delivery.jobId });
  if (record === undefined) return;

  const at = now();
  const start = performance.now();
  const answer = await post(deps, delivery, bodyOf(deps, delivery, record), at, signal);
  if (answer === undefined) return;
  const rules = { attempt: delivery.attempt, retryMs: options.webhookRetryMs, random, now: now() };
  const verdict = answer.error?.code === 'usage' ? ({ status: 'failed' } as const) : judge(answer, rules);
  const attempt = {
    at: at.toISOString(),
    status: answer.status ?? null,
    duration_ms: Math.round(performance.now() - start),
    error: answer.error?.message ?? null,
  };
  metrics.webhookAttempts.inc({ result: verdict.status === 'pending' ? 'retried' : verdict.status });
  log.info(
    { job_id: delivery.jobId, webhook_id: delivery.id, status: attempt.status, verdict: verdict.status },
    'webhook',
  );
  await note(deps, delivery, attempt, verdict, signal);
}

/**
 * Names and times of Standard Webhooks. A job's end is final, so all attempts say the same of it; only the addresses in it follow
 * this dispatcher's base URL, which is to be the same for all.
 */
function bodyOf({ options }: DispatcherDeps, { eventType }: TakenDelivery, record: JobRecord): string {
  const timestamp = (record.job.completedAt ?? record.job.createdAt).toISOString();
  return JSON.stringify({ type: eventType, timestamp, data: presentJob(record, options.baseUrl) });
}

/** undefined where the signal has ended it. Only the status is waited for: what a receiver says beside it is of no use. */
async function post(
  { net, options }: DispatcherDeps,
  { id, url, secret = options.webhookSecret }: TakenDelivery,
  body: string,
  at: Date,
  signal: AbortSignal,
): Promise<(Answer & { readonly error?: AppError }) | undefined> {
  try {
    const { status, headers } = await net.fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': DELIVERED_BY,
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        ...(secret === undefined ? {} : { 'webhook-signature': createSigner(secret)(id, at, body) }),
      },
      body,
      signal,
      timeoutMs: options.webhookTimeoutMs,
      maxRedirects: 0,
      maxBytes: 0,
      overflow: 'cut',
    });
    return { status, retryAfter: headers.get('retry-after') ?? undefined };
  } catch (thrown) {
    return signal.aborted ? undefined : { status: undefined, error: toAppError(thrown) };
  }
}

/** An attempt that could not be noted would be made again: it is tried as long as the delivery is ours. */
async function note(
  deps: DispatcherDeps,
  { id }: TakenDelivery,
  attempt: DeliveryAttempt,
  verdict: AttemptResult,
  signal: AbortSignal,
): Promise<void> {
  const { database, options, random = Math.random } = deps;
  const until = performance.now() + options.webhookTimeoutMs;
  for (let failures = 1; ; failures++) {
    try {
      return await recordAttempt(database.db, id, attempt, verdict);
    } catch (thrown) {
      if (signal.aborted || performance.now() > until) throw thrown;
      await pause(
        backoffMs(failures, { firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random }),
        signal,
      );
    }
  }
}
