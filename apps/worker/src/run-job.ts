import { parseEditParameters } from '@qwen-edit/contract';
import { type ClaimedJob, type ClaimResult, claimJob, newToken, releaseJob } from '@qwen-edit/db';
import type { EditResult } from '@qwen-edit/pipeline';
import type { JobMessage } from '@qwen-edit/queue';
import { commitResult } from './commit.ts';
import type { Engine, WorkerDeps } from './deps.ts';
import { endAttempt, type Outcome } from './end-attempt.ts';
import { type Heart, startHeart } from './heart.ts';
import { readInputs } from './inputs.ts';
import { noteAttempt, noteClaim, noteTimings, timeSteps } from './measure.ts';
import { createOutputs, type Outputs } from './outputs.ts';
import { answerWithin } from './pause.ts';
import { persist } from './persist.ts';
import { createProgressWriter, type ProgressWriter } from './progress.ts';
import { settleMessage } from './settle-message.ts';

export interface RunDeps extends WorkerDeps {
  readonly workerId: string;
}

/** One claimed job and what belongs to it while it runs. */
interface Run {
  readonly job: ClaimedJob;
  readonly heart: Heart;
  readonly progress: ProgressWriter;
  readonly outputs: Outputs;
}

/**
 * Takes one message from its claim to what becomes of its job and of itself. Returns undefined where the job was not this
 * worker's to run. Rejects only where the claim fails; nothing is then held.
 */
export async function runJob(
  deps: RunDeps,
  engine: Engine,
  message: JobMessage,
  stopping: AbortSignal,
): Promise<Outcome | undefined> {
  const leasedAt = performance.now();
  const claim = await claimOnce(deps, message, stopping);
  if (claim.outcome !== 'claimed') {
    await settleMessage(deps, message, claim.outcome === 'done' ? 'ack' : claim.ms);
    return undefined;
  }

  const { job } = claim;
  const { lease } = job;
  noteClaim(deps, job);
  const run: Run = {
    job,
    heart: startHeart({ ...deps, lease, message, leasedAt, stopping }),
    progress: createProgressWriter(deps, lease),
    outputs: createOutputs(deps.store, lease, deps.log),
  };
  try {
    const outcome = await attempt(deps, engine, run);
    noteAttempt(deps, job, outcome);
    if (outcome.became !== 'succeeded' && outcome.became !== 'unknown') await run.outputs.discard();
    await settleMessage(deps, message, afterwards(outcome));
    return outcome;
  } finally {
    run.progress.stop();
    run.heart.stop();
  }
}

async function attempt(deps: RunDeps, engine: Engine, run: Run): Promise<Outcome> {
  const { job, heart, progress, outputs } = run;
  try {
    const images = await readInputs(deps.store, job.inputs, heart.work);
    const result = await edit(deps, engine, run, images);
    const [stored] = await Promise.all([outputs.put(result.outputs, heart.work), progress.flush(heart.over)]);
    heart.work.throwIfAborted();
    heart.keepOnly();
    const { seed, warnings, timings, receipt } = result;
    const committed = { seed, warnings, receipt: { ...receipt }, timings: { ...timings }, outputs: stored };
    return { became: await commitResult(deps, job.lease, committed, heart.over) };
  } catch (thrown) {
    progress.stop();
    return endAttempt(deps, { lease: job.lease, attempt: job.attempt, heart }, thrown);
  }
}

async function edit(
  { options, metrics }: RunDeps,
  engine: Engine,
  { job, heart, progress }: Run,
  images: readonly Uint8Array[],
): Promise<EditResult> {
  const timeStep = timeSteps(metrics);
  const result = await engine.edit(
    { images, parameters: parseEditParameters(job.parameters) },
    {
      signal: heart.work,
      onStep(event) {
        timeStep(event);
        progress.step(event);
      },
      ...(options.previewEvery === 0
        ? {}
        : { previewEvery: options.previewEvery, onPreview: (preview) => progress.preview(preview) }),
    },
  );
  noteTimings(metrics, result);
  return result;
}

/** A claim whose answer was lost may have gone through: the job is then given back rather than kept until its lease ends. */
async function claimOnce(deps: RunDeps, message: JobMessage, stopping: AbortSignal): Promise<ClaimResult> {
  const { database, options, workerId } = deps;
  const lease = { jobId: message.jobId, token: newToken() };
  const claim = claimJob(database.db, lease.jobId, { token: lease.token, workerId, leaseMs: options.leaseMs });
  try {
    return await answerWithin(claim, { ms: options.answerMs, signal: new AbortController().signal });
  } catch (thrown) {
    const over = AbortSignal.any([AbortSignal.timeout(options.leaseMs), stopping]);
    await persist(deps, () => releaseJob(database.db, lease), over).catch(() => undefined);
    throw thrown;
  }
}

function afterwards(outcome: Outcome): 'ack' | 'leave' | number {
  switch (outcome.became) {
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
