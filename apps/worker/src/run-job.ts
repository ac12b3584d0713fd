import { timeLimit } from '@qwen-edit/async';
import { type ClaimedJob, type ClaimResult, claimJob, newToken, releaseJob } from '@qwen-edit/db';
import type { EditResult } from '@qwen-edit/pipeline';
import type { JobMessage } from '@qwen-edit/queue';
import { commitResult } from './commit.ts';
import type { LoadedEngine, WorkerDeps } from './deps.ts';
import { type AttemptOutcome, endAttempt } from './end-attempt.ts';
import { runFencedStatement, statementRules } from './fenced-statement.ts';
import { readInputs } from './inputs.ts';
import { type LeaseKeeper, startLeaseKeeper } from './lease-keeper.ts';
import { type AttemptObserver, observeAttempt } from './observe.ts';
import { createOutputs, type Outputs } from './outputs.ts';
import { createProgressWriter, type ProgressWriter } from './progress.ts';
import { type Settlement, settleMessage } from './settle-message.ts';

export interface RunJobDeps extends Omit<WorkerDeps, 'openEngine'> {
  readonly workerId: string;
}

/** One claimed job and what belongs to it while it runs. */
interface Run {
  readonly job: ClaimedJob;
  readonly keeper: LeaseKeeper;
  readonly progress: ProgressWriter;
  readonly outputs: Outputs;
  readonly observer: AttemptObserver;
}

/**
 * Claims the job of one message, runs it, ends the attempt and settles the message. Returns undefined if the job was not this
 * worker's to run. Rejects only if the claim fails; nothing is then held.
 */
export async function runJob(
  deps: RunJobDeps,
  engine: LoadedEngine,
  message: JobMessage,
  stopping: AbortSignal,
): Promise<AttemptOutcome | undefined> {
  const leasedAt = performance.now();
  const claim = await claimOrRelease(deps, message.jobId, stopping);
  if (claim.outcome !== 'claimed') {
    await settleMessage(deps, message, claim.outcome === 'done' ? 'ack' : claim.ms);
    return undefined;
  }

  const { job } = claim;
  const { lease } = job;
  const run: Run = {
    job,
    observer: observeAttempt(deps, job),
    keeper: startLeaseKeeper({ ...deps, lease, message, leasedAt, stopping }),
    progress: createProgressWriter(deps, lease),
    outputs: createOutputs(deps.store, lease, deps.log),
  };
  try {
    const outcome = await runAttempt(deps, engine, run);
    run.observer.ended(outcome);
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
): Promise<AttemptOutcome> {
  const { job, keeper, progress, outputs } = run;
  const { lease } = job;
  try {
    const images = await readInputs(deps.store, job.inputs, keeper.workSignal);
    const result = await runEdit(deps, engine, run, images);
    const [stored] = await Promise.all([
      outputs.put(result.outputs, keeper.workSignal),
      progress.flush(keeper.writeSignal),
    ]);
    keeper.workSignal.throwIfAborted();
    keeper.beginCommit();
    const { seed, warnings, timings, receipt } = result;
    const committed = { seed, warnings, receipt: { ...receipt }, timings: { ...timings }, outputs: stored };
    const commit = { ...deps, rules: statementRules(deps), leaseMs: deps.options.leaseMs };
    return { status: await commitResult(commit, lease, committed, keeper.writeSignal) };
  } catch (thrown) {
    progress.stop();
    return endAttempt(deps, { lease, number: job.attempt, keeper }, thrown);
  }
}

async function runEdit(
  { options: { previewEvery } }: Pick<WorkerDeps, 'options'>,
  engine: LoadedEngine,
  { job, keeper, progress, observer }: Pick<Run, 'job' | 'keeper' | 'progress' | 'observer'>,
  images: readonly Uint8Array[],
): Promise<EditResult> {
  const result = await engine.edit(
    { images, parameters: job.parameters },
    {
      signal: keeper.workSignal,
      onStep(event) {
        observer.step(event);
        progress.step(event);
      },
      ...(previewEvery === 0 ? {} : { previewEvery, onPreview: (preview) => progress.preview(preview) }),
    },
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
  const claim = (): Promise<ClaimResult> =>
    claimJob(database.db, jobId, { token: lease.token, workerId, leaseMs: options.leaseMs });
  try {
    return await timeLimit(claim, { ms: options.answerMs, late: 'database_unavailable' });
  } catch (thrown) {
    const signal = AbortSignal.any([AbortSignal.timeout(options.leaseMs), stopping]);
    const release = () => releaseJob(database.db, lease);
    await runFencedStatement(statementRules(deps), release, signal).catch(() => undefined);
    throw thrown;
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
