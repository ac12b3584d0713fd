import { createBackoff, retry } from '@qwen-edit/async';
import { type AppError, callerTextOf, presentJob, toAppError } from '@qwen-edit/contract';
import {
  type AttemptResult,
  type DeliveryAttempt,
  giveUpHeld,
  type JobRecord,
  type ReceiverSign,
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
  // The secret cannot be used: that is no fault of the receiver, and no attempt can do better.
  const unusable = answer.error?.code === 'usage';
  const result = unusable ? ({ status: 'failed' } as const) : decideResult(answer, rules);
  const durationMs = Math.round(performance.now() - start);
  const attempt = {
    at: at.toISOString(),
    status: answer.status ?? null,
    duration_ms: durationMs,
    error: answer.error === undefined ? null : callerTextOf(answer.error).text,
  };
  const sign = { answered: answer.status !== undefined, slow: durationMs > options.webhookSlowMs };
  metrics.webhookAttempts.inc({ result: result.status === 'pending' ? 'retried' : result.status });
  // The log of the delivery, which callers read, does not tell whether a name leads inside.
  const why = answer.error?.cause instanceof Error ? answer.error.cause.message : undefined;
  log.info(
    { job_id: delivery.jobId, webhook_id: delivery.id, status: attempt.status, result: result.status, why },
    'webhook',
  );
  const open = await record(deps, delivery, { attempt, result, sign: unusable ? undefined : sign }, signal);
  if (open) await giveUp(deps, delivery, signal);
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

interface MadeAttempt {
  readonly attempt: DeliveryAttempt;
  readonly result: AttemptResult;
  readonly sign: ReceiverSign | undefined;
}

/**
 * An attempt that is not recorded is made again, so recording is retried as long as the delivery is locked for us. Returns true
 * if the receiver's breaker is open now.
 */
async function record(
  deps: DispatcherDeps,
  { id }: TakenDelivery,
  { attempt, result, sign }: MadeAttempt,
  signal: AbortSignal,
): Promise<boolean> {
  const { database, options, random } = deps;
  const lockedUntil = performance.now() + options.webhookTimeoutMs;
  return retry(() => recordAttempt(database.db, id, attempt, result, { sign, breaker: options.webhookBreaker }), {
    backoff: createBackoff({ firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random }),
    signal,
    shouldRetry: () => performance.now() <= lockedUntil,
  });
}

const GIVE_UP_BATCH = 1000;

/**
 * While a receiver does not answer, its other deliveries are held back without spending their attempts. What was held back for
 * longer than its schedule takes has failed, as it would have if it had been called each time.
 */
async function giveUp(deps: DispatcherDeps, { lane }: TakenDelivery, signal: AbortSignal): Promise<void> {
  const { database, options, metrics, log, now = () => new Date() } = deps;
  const { webhookRetryMs: delays, webhookTimeoutMs, webhookBreaker } = options;
  // With the jitter of the delays, the time that the attempts themselves take, and one last trial.
  const scheduleMs =
    1.1 * delays.reduce((sum, each) => sum + each, 0) + (delays.length + 1) * webhookTimeoutMs + webhookBreaker.maxMs;
  const error = 'The receiver was not called: it has not answered for as long as the attempts would have taken.';
  const attempt = { at: now().toISOString(), status: null, duration_ms: 0, error };
  for (let failed = GIVE_UP_BATCH; failed === GIVE_UP_BATCH && !signal.aborted; ) {
    failed = await giveUpHeld(database.db, lane, attempt, { scheduleMs, limit: GIVE_UP_BATCH });
    if (failed === 0) return;
    metrics.webhookAttempts.inc({ result: 'failed' }, failed);
    log.warn(
      { receiver: lane.receiver, owner: lane.owner, webhooks: failed },
      'webhooks of a silent receiver were given up',
    );
  }
}
