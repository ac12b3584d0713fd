import type { Caller } from '@qwen-edit/contract';
import { fromForm, fromJson, jobBody } from '../body/job-request.ts';
import { validateSubmission } from '../body/submission.ts';
import type { ApiContext } from '../context.ts';
import type { Services } from '../services.ts';
import { type AcceptDeps, type AcceptedJob, acceptJob } from './accept-job.ts';
import { type KeyHold, readIdempotencyKey, type SubmitOutcome, submitOnce } from './idempotency.ts';

export type SubmitDeps = AcceptDeps & Pick<Services, 'budget' | 'limits' | 'log' | 'now'>;

/**
 * Makes a job of the request's body, or finds the job that an earlier request with the same Idempotency-Key made.
 * `made` is the job if this request made it.
 */
export async function submitFromRequest(
  c: ApiContext,
  deps: SubmitDeps,
  caller: Caller,
  signal: AbortSignal,
): Promise<SubmitOutcome & { readonly made: AcceptedJob | undefined }> {
  const { budget, limits, now } = deps;
  const key = readIdempotencyKey(c.req.header('idempotency-key'));
  const share = budget.open();
  try {
    const content = await jobBody.read(c, limits, share);
    const raw = content.kind === 'json' ? fromJson(content.value) : fromForm(content.parts);
    const submission = validateSubmission(raw, now());
    const form = content.kind === 'json' ? 'json' : 'multipart';
    const acceptance = { caller, submission, share, signal, form } as const;
    let made: AcceptedJob | undefined;
    const make = async (idempotency: KeyHold | undefined): Promise<string> => {
      made = await acceptJob(deps, { ...acceptance, idempotency });
      return made.job.id;
    };
    const outcome =
      key === undefined
        ? { jobId: await make(undefined), replayed: false }
        : await submitOnce(deps, { owner: caller.owner, key, submission }, make);
    return { ...outcome, made };
  } finally {
    share.close();
  }
}
