import type { Caller } from '@qwen-edit/contract';
import { fromForm, fromJson } from '../body/job-request.ts';
import { readBody } from '../body/read-body.ts';
import { checkSubmission } from '../body/submission.ts';
import type { ApiContext } from '../context.ts';
import type { Services } from '../services.ts';
import { acceptJob } from '../submit/accept-job.ts';
import { type Outcome, readIdempotencyKey, submitOnce } from '../submit/idempotency.ts';

/** Makes a job of the request's body, or finds the one that an earlier request with its Idempotency-Key made. */
export async function submit(c: ApiContext, services: Services, caller: Caller, signal: AbortSignal): Promise<Outcome> {
  const { budget, now } = services;
  const key = readIdempotencyKey(c.req.header('idempotency-key'));
  const share = budget.open();
  try {
    const body = await readBody(c, services, share);
    const raw = body.kind === 'json' ? fromJson(body.value) : fromForm(body.parts);
    const submission = checkSubmission(raw, now());
    const form = body.kind === 'json' ? 'json' : 'multipart';
    const acceptance = { caller, submission, share, signal, form } as const;
    if (key === undefined) return { jobId: await acceptJob(services, acceptance), replayed: false };
    return await submitOnce(services, { owner: caller.owner, key, submission }, (idempotency) =>
      acceptJob(services, { ...acceptance, idempotency }),
    );
  } finally {
    share.close();
  }
}
