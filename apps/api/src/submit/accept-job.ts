import { timeLimit } from '@qwen-edit/async';
import {
  AppError,
  type Caller,
  LIMITS,
  type PresentableJob,
  requireEditSizes,
  requirePictureCount,
  type ShapeRules,
} from '@qwen-edit/contract';
import { type NewJob, newId, type QueueTimes, readQueueTimes } from '@qwen-edit/db';
import type { ValidatedSubmission } from '../body/submission.ts';
import type { ByteShare } from '../byte-budget.ts';
import type { ApiLimits, ApiOptions } from '../deps.ts';
import { warningsBefore } from '../estimate/estimate-request.ts';
import { currentModel, type ReportedFacts } from '../model-facts.ts';
import type { ServiceStatus } from '../service-status.ts';
import type { Services } from '../services.ts';
import { commitJob } from './commit-job.ts';
import {
  type InputImage,
  type StoreDeps,
  sha256Of,
  storeInputImage,
  type ValidateDeps,
  validateInputImage,
} from './input-image.ts';
import type { KeyHold } from './key-hold.ts';
import { type LoadDeps, loadImage } from './load-image.ts';
import { requireOffered } from './require-offered.ts';

export interface AcceptDeps
  extends LoadDeps,
    ValidateDeps,
    StoreDeps,
    Pick<Services, 'queue' | 'metrics' | 'status' | 'checkUrl' | 'planner'> {
  readonly options: Pick<ApiOptions, 'maxAttempts' | 'maxQueue' | 'maxUnusedBytes' | 'deadlineMs'>;
  readonly limits: Pick<ApiLimits, 'imageBytes' | 'pixels' | 'decodeSeconds' | 'lookupMs' | 'afterCommitMs'>;
}

export interface Acceptance {
  readonly caller: Caller;
  readonly submission: ValidatedSubmission;
  readonly share: ByteShare;
  readonly signal: AbortSignal;
  /** Form of the request, for the metrics. */
  readonly form: 'json' | 'multipart' | 'edit';
  readonly idempotency?: KeyHold | undefined;
  readonly requestHash: string;
  readonly requestId: string;
}

/** A job as it is shown, and the seq of its newest event. */
export type AcceptedJob = PresentableJob & { readonly job: { readonly eventSeq: number } };

/**
 * The sweeper may remove a stored picture before the job that needs it is committed. The pictures are then stored
 * again.
 */
const ATTEMPTS = 3;
/** Jobs ahead that the answer counts at most: a long queue must not slow down those who join it. */
const COUNTED = 1000;
const LONGEST_WAIT_SECONDS = 3600;

/**
 * Makes a job of a request whose parameters are checked: loads, validates and stores its pictures, then commits.
 * Returns the job as it is now. Throws AppErrors of the pictures, the addresses and the parts of the service,
 * `queue_full`, `idempotency_in_flight`. Throws nothing any more once the commit is known: the job is there.
 */
export async function acceptJob(deps: AcceptDeps, acceptance: Acceptance): Promise<AcceptedJob> {
  const { queue, options, metrics, status, checkUrl } = deps;
  const { caller, submission, idempotency, requestHash, requestId, signal, form } = acceptance;
  const { parameters, options: jobOptions } = submission;
  if (jobOptions.webhook_url !== undefined) await checkUrl(jobOptions.webhook_url);
  const model = currentModel((await status.workers()) ?? []);
  requireOffered(parameters, model);
  requirePictureCount(submission.images.length, model?.max_images ?? LIMITS.images);
  const images = await validateImages(deps, acceptance, rulesOf(submission, model));
  const pictures = images.map(({ facts }) => facts);
  requireEditSizes(parameters, pictures, model ?? {});
  const warnings = await warningsBefore(deps, model, pictures, parameters);

  const id = newId('job');
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const inputs = await storeImages(deps, caller.owner, images, attempt === 1);
    if (signal.aborted) throw new AppError('canceled', 'The caller has hung up.');
    const job = {
      ...{ id, owner: caller.owner, requestId, parameters, warnings },
      metadata: jobOptions.metadata ?? {},
      webhookUrl: jobOptions.webhook_url,
      webhookSecret: jobOptions.webhook_secret,
      deadline: jobOptions.deadline,
      deadlineMs: options.deadlineMs,
      maxAttempts: options.maxAttempts,
      inputsNeed: Math.max(...images.map(({ needsVersion }) => needsVersion)),
      inputs,
    };
    const terms = { relayed: queue.relayed, maxQueue: options.maxQueue, idempotency, requestHash };
    const accepted = await commitJob(deps, job, terms).catch(async (thrown: unknown) => {
      throw await withRetryAfter(status, thrown);
    });
    if (!accepted) continue;
    metrics.jobsSubmitted.inc({ form });
    return presentable(job, accepted.createdAt, images, await queueTimesOf(deps, id));
  }
  throw new AppError('storage_unavailable', 'The stored pictures were swept before the job was accepted.');
}

/** The job's place in the queue. The job is committed: if this cannot be read now, the answer goes without it. */
async function queueTimesOf(
  { database, limits }: Pick<AcceptDeps, 'database' | 'limits'>,
  id: string,
): Promise<QueueTimes | undefined> {
  const read = () => readQueueTimes(database.db, [id], COUNTED);
  const times = timeLimit(read, { ms: limits.afterCommitMs, late: 'database_unavailable' });
  return (await times.catch(() => undefined))?.get(id);
}

/** If the queue is full, tells when the next waiting job will start: then there is room for another. */
async function withRetryAfter(status: Pick<ServiceStatus, 'nextStart'>, thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof AppError) || thrown.code !== 'queue_full') return thrown;
  const seconds = await status.nextStart();
  if (seconds === undefined) return thrown;
  const retryAfterSeconds = Math.min(LONGEST_WAIT_SECONDS, Math.max(1, Math.ceil(seconds)));
  return new AppError('queue_full', thrown.message, { retryAfterSeconds });
}

/** A job that was just made, without reading its row. */
function presentable(
  job: NewJob,
  createdAt: Date,
  images: readonly InputImage[],
  times: QueueTimes | undefined,
): AcceptedJob {
  const { id, parameters, metadata, webhookUrl = null, deadline, deadlineMs, warnings = [] } = job;
  return {
    job: {
      ...{ id, parameters, metadata, webhookUrl, createdAt, status: 'queued', attempt: 0, eventSeq: 1, warnings },
      deadlineAt: deadline === undefined ? new Date(createdAt.getTime() + deadlineMs) : new Date(deadline),
      ...{ startedAt: null, completedAt: null, cancelRequestedAt: null, stage: null, step: null, total: null },
      ...{ seed: null, receipt: null, timings: null, error: null },
    },
    inputs: images.map(({ bytes, sha256, facts }) => ({ sha256, bytes: bytes.length, ...facts })),
    outputs: [],
    queuePosition: times?.position,
    etaSeconds: times?.eta,
  };
}

/** Validates all pictures before one is stored, so that a request that is refused leaves nothing behind. */
async function validateImages(
  deps: LoadDeps & ValidateDeps,
  { caller: { owner }, submission, share, signal }: Acceptance,
  rules: ShapeRules,
): Promise<readonly InputImage[]> {
  const images: InputImage[] = [];
  const validated = new Map<string, InputImage>();
  for (const [index, source] of submission.images.entries()) {
    if (signal.aborted) throw new AppError('canceled', 'The caller has hung up.');
    const label = `Picture ${index + 1}`;
    const bytes = await loadImage(deps, source, { owner, label, share, signal });
    const sha256 = sha256Of(bytes);
    const image =
      validated.get(sha256) ?? (await validateInputImage(deps, { bytes, sha256, label }, { owner, rules, signal }));
    validated.set(sha256, image);
    images.push({ ...image, uploadId: source.kind === 'upload' ? source.id : undefined });
  }
  return images;
}

/**
 * Stores the pictures; one that comes twice is stored once. Returns the ids of the assets, in the order of the
 * pictures.
 */
async function storeImages(
  deps: StoreDeps,
  owner: string,
  images: readonly InputImage[],
  trusted: boolean,
): Promise<readonly string[]> {
  const ids = new Map<string, string>();
  for (const image of images) {
    if (!ids.has(image.sha256)) ids.set(image.sha256, await storeInputImage(deps, owner, image, trusted));
  }
  return images.flatMap(({ sha256 }) => ids.get(sha256) ?? []);
}

function rulesOf({ parameters: { max_side } }: ValidatedSubmission, model: ReportedFacts | undefined): ShapeRules {
  const { vae_image_size, condition_image_size } = model ?? {};
  return {
    ...(max_side === undefined ? {} : { max_side }),
    ...(vae_image_size === undefined ? {} : { vae_image_size }),
    ...(condition_image_size === undefined ? {} : { condition_image_size }),
  };
}
