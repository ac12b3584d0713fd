import type { Caller } from '@qwen-edit/contract';
import { fromForm, fromJson, jobBody } from '../body/job-request.ts';
import { validateSubmission } from '../body/submission.ts';
import { type ApiContext, noteJob } from '../context.ts';
import type { Services } from '../services.ts';
import { type Acceptance, type AcceptDeps, type AcceptedJob, acceptJob } from './accept-job.ts';
import { readIdempotencyKey, requestHashOf, type SubmitOutcome, submitOnce } from './idempotency.ts';
import type { KeyHold } from './key-hold.ts';

export type SubmitDeps = AcceptDeps & Pick<Services, 'budget' | 'limits' | 'log' | 'now'>;

/** `made` is the job if this request made it. */
export type Submission = SubmitOutcome & { readonly made: AcceptedJob | undefined };

/** Makes a job of the request's body, or finds the job that an earlier request with the same Idempotency-Key made. */
export async function submitFromRequest(
  c: ApiContext,
  deps: SubmitDeps,
  caller: Caller,
  signal: AbortSignal,
): Promise<Submission> {
  const { budget, limits, now } = deps;
  const key = readIdempotencyKey(c.req.header('idempotency-key'));
  const share = budget.open();
  try {
    const content = await jobBody.read(c, limits, share);
    const raw = content.kind === 'json' ? fromJson(content.value) : fromForm(content.parts);
    const submission = validateSubmission(raw, now());
    const form = content.kind === 'json' ? 'json' : 'multipart';
    return await submitValidated(c, deps, { caller, key, submission, share, signal, form });
  } finally {
    share.close();
  }
}

/** The same for a request that has been read and validated. */
export async function submitValidated(
  c: ApiContext,
  deps: SubmitDeps,
  { key, ...acceptance }: Omit<Acceptance, 'requestHash' | 'requestId'> & { readonly key: string | undefined },
): Promise<Submission> {
  const { caller, submission } = acceptance;
  const requestHash = requestHashOf(submission);
  const requestId = c.get('requestId');
  let made: AcceptedJob | undefined;
  const make = async (idempotency: KeyHold | undefined): Promise<string> => {
    made = await acceptJob(deps, { ...acceptance, requestHash, requestId, idempotency });
    return made.job.id;
  };
  const outcome =
    key === undefined
      ? { jobId: await make(undefined), replayed: false }
      : await submitOnce(deps, { owner: caller.owner, key, requestHash }, make);
  noteJob(c, outcome.jobId);
  return { ...outcome, made };
}
