import { retry, timeLimit } from '@qwen-edit/async';
import { type AppError, ERRORS, toAppError } from '@qwen-edit/contract';
import { type ClaimedJob, type ClaimResult, claimJob, type NotClaimed, newToken } from '@qwen-edit/db';
import type { EditResult } from '@qwen-edit/pipeline';
import type { JobMessage } from '@qwen-edit/queue';
import { commitResult } from './commit.ts';
import type { LoadedEngine, SlotDeps, WorkerDeps } from './deps.ts';
import { type AttemptOutcome, endAttempt, returnLease } from './end-attempt.ts';
import { statementRules, workerBackoff } from './fenced-statement.ts';
import { findPayer, type PayerDeps } from './find-payer.ts';
import { readInputs } from './inputs.ts';
import { type LeaseKeeper, startLeaseKeeper } from './lease-keeper.ts';
import { hiddenFor, isUnderstood, leaveJobToNewer } from './newer-jobs.ts';
import { type AttemptObserver, observeAttempt } from './observe.ts';
import { createOutputs, type Outputs, type StoredOutput } from './outputs.ts';
import { ownerScope } from './owner-scope.ts';
import { createProgressWriter, type ProgressWriter } from './progress.ts';
import { type Settlement, settleMessage } from './settle-message.ts';

export interface RunJobDeps extends Omit<SlotDeps, 'openEngine'>, PayerDeps {
  readonly workerId: string;
  /** Hears of trouble that a running job waits for, and of its end. */
  readonly onTrouble: (error: AppError | undefined) => void;
}

/** One claimed job and what belongs to it while it runs. */
interface Run {
  readonly job: ClaimedJob;
  readonly keeper: LeaseKeeper;
  readonly progress: ProgressWriter;
  readonly outputs: Outputs;
  readonly observer: AttemptObserver;
}

/** What became of a message: how the attempt at its job ended, or why there was none. */
export type MessageOutcome = AttemptOutcome | { readonly status: 'not_claimed' } | { readonly status: 'refused' };

/**
 * Claims the job of one message, runs it, ends the attempt and settles the message. Rejects only if the claim fails; nothing is
 * then held.
 */
export async function runJob(
  deps: RunJobDeps,
  engine: LoadedEngine,
  message: JobMessage,
  stopping: AbortSignal,
): Promise<MessageOutcome> {
  const leasedAt = performance.now();
  const claim = await claimOrRelease(deps, message.jobId, stopping);
  if (claim.outcome !== 'claimed') {
    await settleMessage(deps, message, settlementWithout(claim, message, deps.options));
    return { status: claim.outcome === 'refused' ? 'refused' : 'not_claimed' };
  }

  const { job } = claim;
  const { lease } = job;
  if (!isUnderstood(job)) {
    await leaveJobToNewer(deps, job, stopping);
    await settleMessage(deps, message, 0);
    return { status: 'not_claimed' };
  }
  const run: Run = {
    job,
    observer: observeAttempt(deps, job),
    keeper: startLeaseKeeper({ ...deps, lease, message, leasedAt, stopping }),
    progress: createProgressWriter(deps, lease),
    outputs: createOutputs(deps.store, lease, deps.log),
  };
  try {
    const outcome = await runAttempt(deps, engine, run, stopping);
    run.observer.ended(outcome);
    // If the commit did not go through after all, the job is free; if it did, this changes nothing.
    if (outcome.status === 'unknown') await returnLease(deps, lease, stopping);
    if (outcome.status !== 'succeeded' && outcome.status !== 'unknown') await run.outputs.discard();
    await settleMessage(deps, message, settlementAfter(outcome));
    return outcome;
  } finally {
    run.progress.stop();
    run.keeper.stop();
  }
}

async function runAttempt(
  deps: Omit<RunJobDeps, 'workerId' | 'queue'>,
  engine: LoadedEngine,
  run: Run,
  stopping: AbortSignal,
): Promise<AttemptOutcome> {
  const { job, keeper, progress } = run;
  const { lease } = job;
  try {
    const images = await readInputs(deps, job.inputs, keeper.workSignal);
    const result = await runEdit(deps, engine, run, images);
    const [stored] = await Promise.all([storeResult(deps, run, result), progress.flush(keeper.writeSignal)]);
    keeper.workSignal.throwIfAborted();
    keeper.beginCommit();
    const { seed, warnings, timings, receipt } = result;
    const committed = { seed, warnings, receipt: { ...receipt }, timings: { ...timings }, outputs: stored };
    const commit = { ...deps, rules: statementRules(deps), waitMs: deps.options.resultWaitMs };
    return { status: await commitResult(commit, lease, committed, keeper.writeSignal) };
  } catch (thrown) {
    progress.stop();
    const failure =
      keeper.stopReason === undefined
        ? await findPayer(deps, lease.jobId, thrown, AbortSignal.any([keeper.workSignal, stopping]))
        : { error: toAppError(thrown) };
    return endAttempt(deps, { lease, number: job.attempt, keeper, stopping }, failure);
  }
}

/**
 * Puts a result into storage. It may have taken long to make, so it waits for a storage that is away, as long as the lease is
 * held, nobody stops the job, and `resultWaitMs` is not over.
 */
async function storeResult(
  deps: Pick<RunJobDeps, 'log' | 'options' | 'random' | 'onTrouble'>,
  { job: { lease }, keeper, outputs }: Run,
  result: EditResult,
): Promise<StoredOutput[]> {
  const signal = AbortSignal.any([keeper.workSignal, AbortSignal.timeout(deps.options.resultWaitMs)]);
  return retry(() => outputs.put(result.outputs, keeper.workSignal), {
    backoff: workerBackoff(deps),
    signal,
    shouldRetry: (thrown) => ERRORS[toAppError(thrown).code].origin === 'surroundings',
    onFailure(thrown, failures) {
      const error = toAppError(thrown);
      if (failures === 1)
        deps.log.warn({ job_id: lease.jobId, code: error.code }, 'a result waits for the storage, trying again');
      deps.onTrouble(error);
    },
  }).finally(() => deps.onTrouble(undefined));
}

async function runEdit(
  { options: { previewEvery } }: Pick<WorkerDeps, 'options'>,
  engine: LoadedEngine,
  { job, keeper, progress, observer }: Pick<Run, 'job' | 'keeper' | 'progress' | 'observer'>,
  images: readonly Uint8Array[],
): Promise<EditResult> {
  const request = { images, parameters: job.parameters, cacheScope: ownerScope(job.owner) };
  const result = await observer.engineWorks(() =>
    engine.edit(request, {
      signal: keeper.workSignal,
      onStep(event) {
        observer.step(event);
        progress.step(event);
      },
      ...(previewEvery === 0 ? {} : { previewEvery, onPreview: (preview) => progress.preview(preview) }),
    }),
  );
  observer.result(result);
  return result;
}

/** If the answer to a claim is lost, it may have taken effect: the job is given back rather than kept until its lease ends. */
async function claimOrRelease(
  deps: Pick<RunJobDeps, 'database' | 'options' | 'random' | 'workerId'>,
  jobId: string,
  stopping: AbortSignal,
): Promise<ClaimResult> {
  const { database, options, workerId } = deps;
  const lease = { jobId, token: newToken() };
  const claim = (): Promise<ClaimResult> => {
    const { leaseMs, contractVersion } = options;
    return claimJob(database.db, jobId, { token: lease.token, workerId, leaseMs, contractVersion });
  };
  try {
    return await timeLimit(claim, { ms: options.answerMs, late: 'database_unavailable' });
  } catch (thrown) {
    await returnLease(deps, lease, stopping);
    throw thrown;
  }
}

function settlementWithout(claim: NotClaimed, message: JobMessage, { refusedMs }: WorkerDeps['options']): Settlement {
  switch (claim.outcome) {
    case 'done':
      return 'ack';
    case 'later':
      return claim.ms;
    case 'refused':
      return refusedMs;
    case 'newer':
      return hiddenFor(message);
  }
}

function settlementAfter(outcome: AttemptOutcome): Settlement {
  switch (outcome.status) {
    case 'succeeded':
    case 'failed':
    case 'canceled':
      return 'ack';
    case 'released':
      return 0;
    case 'retried':
      return outcome.delayMs;
    default:
      return 'leave';
  }
}
