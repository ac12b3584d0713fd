import type { Caller } from '@qwen-edit/contract';
import { fromForm, fromJson } from '../body/job-request.ts';
import { readSubmissionBody } from '../body/read-body.ts';
import { validateSubmission } from '../body/submission.ts';
import type { ApiContext } from '../context.ts';
import type { Services } from '../services.ts';
import { type AcceptedJob, acceptJob } from '../submit/accept-job.ts';
import { type KeyHold, readIdempotencyKey, type SubmitOutcome, submitOnce } from '../submit/idempotency.ts';

/** Makes a job of the request's body, or finds the one that an earlier request with its Idempotency-Key made. */
export async function submit(
  c: ApiContext,
  services: Services,
  caller: Caller,
  signal: AbortSignal,
): Promise<SubmitOutcome & { readonly made: AcceptedJob | undefined }> {
  const { budget, now } = services;
  const key = readIdempotencyKey(c.req.header('idempotency-key'));
  const share = budget.open();
  try {
    const body = await readSubmissionBody(c, services, share);
    const raw = body.kind === 'json' ? fromJson(body.value) : fromForm(body.parts);
    const submission = validateSubmission(raw, now());
    const form = body.kind === 'json' ? 'json' : 'multipart';
    const acceptance = { caller, submission, share, signal, form } as const;
    let made: AcceptedJob | undefined;
    const make = async (idempotency: KeyHold | undefined): Promise<string> => {
      made = await acceptJob(services, { ...acceptance, idempotency });
      return made.job.id;
    };
    const outcome =
      key === undefined
        ? { jobId: await make(undefined), replayed: false }
        : await submitOnce(services, { owner: caller.owner, key, submission }, make);
    return { ...outcome, made };
  } finally {
    share.close();
  }
}
