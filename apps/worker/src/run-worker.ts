import { repeat } from '@qwen-edit/async';
import { toAppError } from '@qwen-edit/contract';
import { forgiveFailures, newId } from '@qwen-edit/db';
import type { JobMessage } from '@qwen-edit/queue';
import { type Breaker, createBreaker } from './breaker.ts';
import type { LoadedEngine, SlotDeps } from './deps.ts';
import { createEngineHolder, type EngineHolder } from './engine-holder.ts';
import { runFencedStatement, statementRules, workerBackoff } from './fenced-statement.ts';
import { holdMessage, receiveForgotten } from './first-job.ts';
import { createNewerJobs, type NewerJobs } from './newer-jobs.ts';
import { showZeros } from './observe.ts';
import { type MessageOutcome, type RunJobDeps, runJob } from './run-job.ts';
import { settleMessage } from './settle-message.ts';
import { createSurroundings, type Surroundings } from './surroundings.ts';
import { keepWorkerRow } from './worker-row.ts';
import { createWorkerStatus, type WorkerStatus } from './worker-status.ts';

/** What a worker works with from its start to its end. */
interface Worker extends RunJobDeps {
  readonly engines: EngineHolder;
  readonly breaker: Breaker;
  readonly surroundings: Surroundings;
  readonly status: WorkerStatus;
  readonly newer: NewerJobs;
}

/**
 * Works for one device until the signal aborts: one job after the other, each in the device's own engine. Then, in this order:
 * it takes no more messages, lets a running job go on for `graceMs`, gives it back if it is not done, ends the engine, and
 * removes the worker's row. However long the queue, the database, the storage or the model fail, the worker waits and continues;
 * meanwhile it takes no job, and its row says why.
 */
export async function runWorker(deps: SlotDeps, signal: AbortSignal): Promise<void> {
  const { slot } = deps;
  const workerId = newId('worker');
  const status = createWorkerStatus(() => row.changed());
  const engines = createEngineHolder({ ...deps, onChange: status.engineChanged, onDownload: status.downloads });
  const newer = createNewerJobs(deps, () => row.changed());
  const facts = () => {
    const { lastError, ...rest } = status.facts({ ready: engines.isReady(), asleep: engines.isAsleep() });
    return { ...rest, lastError: lastError ?? newer.note() ?? slot.note ?? null };
  };
  const row = keepWorkerRow(deps, { workerId, slot, facts });
  const worker = {
    ...deps,
    ...{ workerId, engines, status, newer, onTrouble: status.waitsFor },
    breaker: createBreaker(deps),
    surroundings: createSurroundings(deps),
  };
  try {
    await takeJobs(worker, signal);
  } finally {
    await engines.close();
    await row.remove();
  }
}

async function takeJobs(worker: Worker, signal: AbortSignal): Promise<void> {
  const { log, metrics, workerId, surroundings, status, slot } = worker;
  showZeros(metrics, slot.device);
  await repeat(() => takeJob(worker, signal), {
    signal,
    backoff: workerBackoff(worker),
    onFailure(thrown, failures) {
      // A message taken while the database is away only counts as one more delivery, and after too many it is a dead letter.
      surroundings.doubt();
      const error = toAppError(thrown);
      status.cannotWork(error);
      metrics.loopErrors.inc({ loop: 'worker' });
      const { code, message } = error;
      if (failures === 1) log.error({ worker_id: workerId, code, error: message }, 'no job can be taken, trying again');
    },
  });
}

/**
 * Waits until this worker can work and then for a message, and runs its job. Returns how long to take no other. Rejects if
 * something that the worker needs fails before the job is claimed.
 */
async function takeJob(worker: Worker, signal: AbortSignal): Promise<number> {
  const { queue, options, engines, surroundings, status, breaker } = worker;
  if (engines.isAsleep()) return takeFirstJob(worker, signal);
  const engine = await engines.ready(signal);
  if (engine === undefined) return 0;
  await surroundings.check(signal);
  status.canWork(breaker.isOpen());
  const [message] = await queue.receive({ max: 1, waitMs: options.receiveWaitMs, signal, workerId: worker.workerId });
  if (message === undefined) {
    if (!signal.aborted) await worker.newer.look();
    return 0;
  }
  return runMessage(worker, engine, message, signal);
}

/** The same for a worker that has no engine yet: it loads its model once there is a job. */
async function takeFirstJob(worker: Worker, signal: AbortSignal): Promise<number> {
  const { options, engines, surroundings, status } = worker;
  if (!(await engines.prepare(signal))) return 0;
  await surroundings.check(signal);
  status.canWork(false);
  const message = await receiveForgotten(worker, signal);
  if (message === undefined) {
    if (!signal.aborted) await worker.newer.look();
    return options.wakeMs;
  }
  worker.log.info({ worker_id: worker.workerId, job_id: message.jobId }, 'the model is loaded for a first job');
  const engine = await holdMessage(worker, message, () => engines.wake(signal));
  if (engine !== undefined) return runMessage(worker, engine, message, signal);
  // Others may have it while this worker goes on trying.
  await settleMessage(worker, message, 0);
  return options.backoffFirstMs;
}

async function runMessage(
  worker: Worker,
  engine: LoadedEngine,
  message: JobMessage,
  signal: AbortSignal,
): Promise<number> {
  const { options, engines, surroundings } = worker;
  let outcome: MessageOutcome;
  try {
    // Much may have happened while it waited for the message, or the message for the engine.
    await surroundings.check(signal);
    if (signal.aborted || !engines.isReady()) {
      await settleMessage(worker, message, 0);
      return 0;
    }
    outcome = await runJob(worker, engine, message, signal);
  } catch (thrown) {
    await settleMessage(worker, message, signal.aborted ? 0 : options.retryFirstMs);
    throw thrown;
  }
  return afterJob(worker, message.jobId, outcome, signal);
}

/** Draws the conclusions from how an attempt ended. Returns for how long the worker takes no job. */
async function afterJob(worker: Worker, jobId: string, outcome: MessageOutcome, signal: AbortSignal): Promise<number> {
  const { breaker, surroundings, status, options, random = Math.random } = worker;
  // Longer than the message is hidden, so that the worker that it is left to finds it first. Never twice the same time: two workers
  // that have each failed at a job would else meet their own job again and again.
  if (outcome.status === 'refused') return options.refusedMs * (1 + 2 * random());
  if (outcome.status === 'not_claimed') return 0;
  const verdict = breaker.note(jobId, outcome);
  status.noteOutcome(outcome, verdict.waitMs > 0);
  if (verdict.waitMs > 0) surroundings.doubt();
  if (verdict.forgive.length > 0) await forgive(worker, verdict.forgive, signal);
  return verdict.waitMs;
}

/** If the database does not answer in time, the jobs have paid for one failure each. */
async function forgive(worker: Worker, jobIds: readonly string[], signal: AbortSignal): Promise<void> {
  const { database, workerId, options } = worker;
  const statement = () => forgiveFailures(database.db, workerId, jobIds);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(options.leaseMs)]);
  await runFencedStatement(statementRules(worker), statement, limit).catch(() => undefined);
}
