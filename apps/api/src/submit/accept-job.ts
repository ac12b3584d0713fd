import { AppError, type Caller, GUIDE_DEFAULTS, type PresentableJob } from '@qwen-edit/contract';
import { type NewJob, newId, type QueueTimes, readQueueTimes, submitJob } from '@qwen-edit/db';
import type { ValidatedSubmission } from '../body/submission.ts';
import type { ByteShare } from '../byte-budget.ts';
import type { ImageShapeRules } from '../deps.ts';
import { currentModel, type ModelFacts } from '../model-facts.ts';
import type { Services } from '../services.ts';
import type { KeyHold } from './idempotency.ts';
import { type InputImage, sha256Of, storeInputImage, validateInputImage } from './input-image.ts';
import { loadImage } from './load-image.ts';

export interface Acceptance {
  readonly caller: Caller;
  readonly submission: ValidatedSubmission;
  readonly share: ByteShare;
  readonly signal: AbortSignal;
  /** Form of the request, for the metrics. */
  readonly form: 'json' | 'multipart' | 'edit';
  readonly idempotency?: KeyHold | undefined;
}

/** What is told of a job, and where its log is. */
export type AcceptedJob = PresentableJob & { readonly job: { readonly eventSeq: number } };

/** Stored pictures may be swept before the job that needs them is committed; not over and over. */
const ATTEMPTS = 3;
/** Jobs ahead that the answer counts at most: a long queue must not slow down those who join it. */
const COUNTED = 1000;
const LONGEST_WAIT_SECONDS = 3600;

/**
 * Makes a job of a request whose parameters are checked: gets, proves and stores its pictures, then commits. Returns the
 * job as it is now. Throws AppErrors of the pictures, the addresses and the parts of the service, `queue_full`,
 * `idempotency_in_flight`.
 */
export async function acceptJob(services: Services, acceptance: Acceptance): Promise<AcceptedJob> {
  const { database, queue, options, metrics, checkUrl } = services;
  const { caller, submission, idempotency, signal, form } = acceptance;
  const { parameters, options: about } = submission;
  if (about.webhook_url !== undefined) await checkUrl(about.webhook_url);
  const model = currentModel((await services.status.workers()) ?? []);
  refuseTooFewSteps(submission, model);
  const images = await validateImages(services, acceptance, rulesOf(submission, model));

  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const inputs = await storeImages(services, caller.owner, images, attempt === 1);
    if (signal.aborted) throw new AppError('canceled', 'The caller has hung up.');
    const job = {
      id: newId('job'),
      owner: caller.owner,
      parameters,
      metadata: about.metadata ?? {},
      webhookUrl: about.webhook_url,
      webhookSecret: about.webhook_secret,
      deadline: about.deadline,
      maxAttempts: options.maxAttempts,
      inputs,
    };
    const accepted = await submitJob(database, job, {
      relayed: queue.relayed,
      maxQueue: options.maxQueue,
      idempotency,
    }).catch(async (thrown: unknown) => {
      throw await sayWhen(services, thrown);
    });
    if (!accepted) continue;
    metrics.jobsSubmitted.inc({ form });
    const times = (await readQueueTimes(database.db, [job.id], COUNTED)).get(job.id);
    return presentable(job, accepted.createdAt, images, times);
  }
  throw new AppError('storage_unavailable', 'The stored pictures were swept before the job was accepted.');
}

/** A full queue has room when the next job is begun. */
async function sayWhen({ status }: Services, thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof AppError) || thrown.code !== 'queue_full') return thrown;
  const seconds = await status.nextStart();
  if (seconds === undefined) return thrown;
  const retryAfterSeconds = Math.min(LONGEST_WAIT_SECONDS, Math.max(1, Math.ceil(seconds)));
  return new AppError('queue_full', thrown.message, { retryAfterSeconds });
}

/** A job that was just made, without a look at its row. */
function presentable(
  job: NewJob,
  createdAt: Date,
  images: readonly InputImage[],
  times: QueueTimes | undefined,
): AcceptedJob {
  const { id, parameters, metadata, webhookUrl = null, deadline } = job;
  return {
    job: {
      ...{ id, parameters, metadata, webhookUrl, createdAt, status: 'queued', attempt: 0, eventSeq: 1, warnings: [] },
      deadlineAt: deadline === undefined ? null : new Date(deadline),
      ...{ startedAt: null, completedAt: null, cancelRequestedAt: null, stage: null, step: null, total: null },
      ...{ seed: null, receipt: null, timings: null, error: null },
    },
    inputs: images.map(({ bytes, sha256, facts }) => ({ sha256, bytes: bytes.length, ...facts })),
    outputs: [],
    queuePosition: times?.position,
    etaSeconds: times?.eta,
  };
}

/** All are validated before one is stored, so that a picture that is refused leaves nothing behind. */
async function validateImages(
  services: Services,
  { caller: { owner }, submission, share, signal }: Acceptance,
  rules: ImageShapeRules,
): Promise<readonly InputImage[]> {
  const images: InputImage[] = [];
  const validated = new Map<string, InputImage>();
  for (const [index, source] of submission.images.entries()) {
    if (signal.aborted) throw new AppError('canceled', 'The caller has hung up.');
    const label = `Picture ${index + 1}`;
    const bytes = await loadImage(services, source, { owner, label, share, signal });
    const sha256 = sha256Of(bytes);
    const image = validated.get(sha256) ?? (await validateInputImage(services, owner, { bytes, sha256, label }, rules));
    validated.set(sha256, image);
    images.push(image);
  }
  return images;
}

/** Ids of the assets, in the order of the pictures; one that comes twice is stored once. */
async function storeImages(
  services: Services,
  owner: string,
  images: readonly InputImage[],
  trusted: boolean,
): Promise<readonly string[]> {
  const ids = new Map<string, string>();
  for (const image of images) {
    if (!ids.has(image.sha256)) ids.set(image.sha256, await storeInputImage(services, owner, image, trusted));
  }
  return images.flatMap(({ sha256 }) => ids.get(sha256) ?? []);
}

/** What the worker would refuse later, refused now, as far as live workers tell. */
function refuseTooFewSteps({ parameters }: ValidatedSubmission, model: ModelFacts | undefined): void {
  const fewest = model?.min_inference_steps ?? 1;
  const steps = parameters.num_inference_steps ?? model?.num_inference_steps ?? GUIDE_DEFAULTS.num_inference_steps;
  if (steps < fewest) throw new AppError('steps_too_few', `This model needs ${fewest} steps or more, not ${steps}.`);
}

function rulesOf({ parameters: { max_side } }: ValidatedSubmission, model: ModelFacts | undefined): ImageShapeRules {
  const { vae_image_size, condition_image_size } = model ?? {};
  return {
    ...(max_side === undefined ? {} : { max_side }),
    ...(vae_image_size === undefined ? {} : { vae_image_size }),
    ...(condition_image_size === undefined ? {} : { condition_image_size }),
  };
}
