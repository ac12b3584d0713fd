import { AppError, type Caller, isErrorCode, isTerminal } from '@qwen-edit/contract';
import { type JobRecord, requestCancel } from '@qwen-edit/db';
import type { Hono } from 'hono';
import { editFromForm, editFromJson } from '../body/edit-request.ts';
import { readSubmissionBody } from '../body/read-body.ts';
import { type ValidatedSubmission, validateSubmission } from '../body/submission.ts';
import { type ApiContext, type ApiEnv, clientGone } from '../context.ts';
import { describeError } from '../describe-error.ts';
import { answerEdit } from '../edit/edit-answer.ts';
import { checkOutputName } from '../edit/output-files.ts';
import { jobNotFound } from '../ids.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';
import { acceptJob } from '../submit/accept-job.ts';
import { readIdempotencyKey, submitOnce } from '../submit/idempotency.ts';
import { findJob } from './jobs.ts';

/**
 * The guide's own API: a job that the caller waits for. Who hangs up cancels it, unless an Idempotency-Key says that the caller
 * may come back for it.
 */
export function editRoutes(app: Hono<ApiEnv>, services: Services): void {
  route(app, '/edit', {
    POST: async (c) => postEdit(c, services, await services.gate.admit(c, 'submit')),
  });
}

async function postEdit(c: ApiContext, services: Services, caller: Caller): Promise<Response> {
  const signal = clientGone(c);
  const key = readIdempotencyKey(c.req.header('idempotency-key'));
  const { jobId, outputPath } = await submitEdit(c, services, { caller, key, signal });
  const record = await waitForEnd(services, { owner: caller.owner, id: jobId, cancels: key === undefined, signal });
  if (record.job.status !== 'succeeded') throw failureOf(record);
  const { outputDir } = services.options;
  const files =
    outputPath === undefined || outputDir === undefined
      ? undefined
      : { folder: outputDir, name: outputPath === true ? jobId : outputPath };
  return c.json(await answerEdit(services, record, files));
}

async function submitEdit(
  c: ApiContext,
  services: Services,
  { caller, key, signal }: { readonly caller: Caller; readonly key: string | undefined; readonly signal: AbortSignal },
) {
  const { budget, now, options } = services;
  const share = budget.open();
  try {
    const body = await readSubmissionBody(c, services, share);
    const query = new URL(c.req.url).searchParams;
    const request = body.kind === 'json' ? editFromJson(body.value, query) : editFromForm(body.parts, query);
    const { outputPath } = request;
    const submission = asPng(validateSubmission(request, now()));
    if (typeof outputPath === 'string') checkOutputName(outputPath);
    if (outputPath !== undefined && options.outputDir === undefined) {
      throw new AppError('invalid_parameter', 'output_path cannot be used: no folder for results is configured.', {
        hint: 'Leave output_path out; the answer then holds the picture.',
      });
    }
    const acceptance = { caller, submission, share, signal, form: 'edit' } as const;
    if (key === undefined) return { jobId: (await acceptJob(services, acceptance)).job.id, outputPath };
    const { jobId } = await submitOnce(services, { owner: caller.owner, key, submission }, async (idempotency) => {
      const { job } = await acceptJob(services, { ...acceptance, idempotency });
      return job.id;
    });
    return { jobId, outputPath };
  } finally {
    share.close();
  }
}

/** The guide promises PNG, whatever this job's checkpoint or a later default would choose. */
function asPng(submission: ValidatedSubmission): ValidatedSubmission {
  return { ...submission, parameters: { output_format: 'png', ...submission.parameters } };
}

interface Wait {
  readonly owner: string;
  readonly id: string;
  /** Whether a caller who hangs up takes the job along. */
  readonly cancels: boolean;
  readonly signal: AbortSignal;
}

async function waitForEnd(services: Services, { owner, id, cancels, signal }: Wait): Promise<JobRecord> {
  const { database, log, watch } = services;
  const record = await findJob(services, owner, id);
  if (isTerminal(record.job.status)) return record;
  const outcome = await watch.untilEnd(id, record.job.eventSeq, { signal });
  switch (outcome) {
    case 'ended':
      return findJob(services, owner, id);
    case 'aborted':
      if (cancels)
        await requestCancel(database.db, { owner, id }).catch((thrown: unknown) => {
          log.warn({ job_id: id, errors: describeError(thrown) }, 'a job goes on though its caller has hung up');
        });
      throw new AppError('canceled', 'The caller has hung up.');
    case 'gone':
      throw jobNotFound();
    default:
      throw new AppError('not_ready', `The service is being stopped; the job ${id} is kept.`, {
        hint: `Ask for GET /v1/jobs/${id} when the service is back.`,
      });
  }
}

/** Why the job has no results, as an error of its own. */
function failureOf({ job }: JobRecord): AppError {
  if (job.status === 'canceled') return new AppError('canceled', `The job ${job.id} was cancelled.`);
  const { code = 'internal', message = '', hint } = job.error ?? {};
  return new AppError(isErrorCode(code) ? code : 'internal', message, hint === undefined ? {} : { hint });
}
