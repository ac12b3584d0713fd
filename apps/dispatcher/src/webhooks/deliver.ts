import { createBackoff, retry } from '@qwen-edit/async';
import { type AppError, callerTextOf, presentJob, toAppError } from '@qwen-edit/contract';
import {
  type AttemptResult,
  type DeliveryAttempt,
  type JobRecord,
  readJob,
  recordAttempt,
  type TakenDelivery,
} from '@qwen-edit/db';
import type { DispatcherDeps } from '../deps.ts';
import { type DeliveryAnswer, decideResult } from './decide-result.ts';
import { createSigner } from './signature.ts';

const DELIVERED_BY = 'qwen-edit-webhooks';

/** How long a delivery stays locked for this dispatcher: longer than any attempt takes. */
export function lockMs({ options }: Pick<DispatcherDeps, 'options'>): number {
  return 2 * options.webhookTimeoutMs + options.webhookDrainMs;
}

/**
 * Makes one attempt of a delivery and records it. If the signal ends the attempt, nothing is recorded: another dispatcher makes
 * it again, with the same webhook-id, as it does if a dispatcher dies. Rejects if the database cannot be used.
 */
export async function deliver(deps: DispatcherDeps, delivery: TakenDelivery, signal: AbortSignal): Promise<void> {
  const { database, metrics, options, log, random = Math.random, now = () => new Date() } = deps;
  const job = await readJob(database.db, { id: delivery.jobId });
  if (job === undefined) return;

  const at = now();
  const start = performance.now();
  const answer = await post(deps, delivery, bodyOf(deps, delivery, job), at, signal);
  if (answer === undefined) return;
  const rules = { attempt: delivery.attempt, retryMs: options.webhookRetryMs, random, now: now() };
  const result = answer.error?.code === 'usage' ? ({ status: 'failed' } as const) : decideResult(answer, rules);
  const attempt = {
    at: at.toISOString(),
    status: answer.status ?? null,
    duration_ms: Math.round(performance.now() - start),
    error: answer.error === undefined ? null : callerTextOf(answer.error).text,
  };
  metrics.webhookAttempts.inc({ result: result.status === 'pending' ? 'retried' : result.status });
  log.info(
    { job_id: delivery.jobId, webhook_id: delivery.id, status: attempt.status, result: result.status },
    'webhook',
  );
  await record(deps, delivery, attempt, result, signal);
}

/**
 * The payload, with the names of Standard Webhooks. A job's end is final, so the payload is the same in all attempts; only its
 * URLs follow this dispatcher's base URL, which should be the same for all dispatchers.
 */
function bodyOf({ options }: DispatcherDeps, { eventType }: TakenDelivery, record: JobRecord): string {
  const timestamp = (record.job.completedAt ?? record.job.createdAt).toISOString();
  return JSON.stringify({ type: eventType, timestamp, data: presentJob(record, options.baseUrl) });
}

/** Returns undefined if the signal has ended the call. It waits only for the status: the body of an answer is not used. */
async function post(
  { net, options }: DispatcherDeps,
  { id, url, secret = options.webhookSecret }: TakenDelivery,
  body: string,
  at: Date,
  signal: AbortSignal,
): Promise<(DeliveryAnswer & { readonly error?: AppError }) | undefined> {
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

/** An attempt that is not recorded is made again, so recording is retried as long as the delivery is locked for us. */
async function record(
  deps: DispatcherDeps,
  { id }: TakenDelivery,
  attempt: DeliveryAttempt,
  result: AttemptResult,
  signal: AbortSignal,
): Promise<void> {
  const { database, options, random } = deps;
  const lockedUntil = performance.now() + options.webhookTimeoutMs;
  await retry(() => recordAttempt(database.db, id, attempt, result), {
    backoff: createBackoff({ firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random }),
    signal,
    shouldRetry: () => performance.now() <= lockedUntil,
  });
}
