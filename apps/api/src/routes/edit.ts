import { AppError, type Caller, isErrorCode, isTerminal } from '@qwen-edit/contract';
import { type JobRecord, requestCancel } from '@qwen-edit/db';
import { editBody, editFromForm, editFromJson } from '../body/edit-request.ts';
import { type ValidatedSubmission, validateSubmission } from '../body/submission.ts';
import { type ApiContext, clientGone } from '../context.ts';
import type { ApiOptions } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import { answerEdit, editAnswerSchema } from '../edit/edit-answer.ts';
import { checkOutputName } from '../edit/output-files.ts';
import { findJob } from '../find-job.ts';
import { jobNotFound } from '../routing/path-params.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, jsonAnswer, NO_PARAMS } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { acceptJob } from '../submit/accept-job.ts';
import { readIdempotencyKey, submitOnce } from '../submit/idempotency.ts';
import type { SubmitDeps } from '../submit/submit-from-request.ts';

type EditDeps = SubmitDeps & Pick<Services, 'store' | 'watch'> & { readonly options: Pick<ApiOptions, 'outputDir'> };

/**
 * The guide's own API: a job that the caller waits for. If the caller hangs up the job is canceled, unless an
 * Idempotency-Key says that the caller may come back for it.
 */
export function editRoutes(deps: EditDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/edit',
      scope: 'submit',
      summary: 'Submits an edit and waits for its picture',
      params: NO_PARAMS,
      // The fields of the edit may stand here or in the body.
      query: ANY_QUERY,
      body: editBody,
      answers: { 200: jsonAnswer(editAnswerSchema, 'The pictures, or the files that they were written to') },
      handler: ({ c, caller }) => postEdit(c, deps, caller),
    }),
  ];
}

async function postEdit(c: ApiContext, deps: EditDeps, caller: Caller): Promise<Response> {
  const signal = clientGone(c);
  const key = readIdempotencyKey(c.req.header('idempotency-key'));
  const { jobId, outputPath } = await submitEdit(c, deps, { caller, key, signal });
  const record = await waitForEnd(deps, { owner: caller.owner, id: jobId, cancels: key === undefined, signal });
  if (record.job.status !== 'succeeded') throw failureOf(record);
  const { outputDir } = deps.options;
  const files =
    outputPath === undefined || outputDir === undefined
      ? undefined
      : { folder: outputDir, name: outputPath === true ? jobId : outputPath };
  return c.json(await answerEdit(deps, record, files));
}

async function submitEdit(
  c: ApiContext,
  deps: EditDeps,
  { caller, key, signal }: { readonly caller: Caller; readonly key: string | undefined; readonly signal: AbortSignal },
) {
  const { budget, limits, now, options } = deps;
  const share = budget.open();
  try {
    const content = await editBody.read(c, limits, share);
    const query = new URL(c.req.url).searchParams;
    const request = content.kind === 'json' ? editFromJson(content.value, query) : editFromForm(content.parts, query);
    const { outputPath } = request;
    const submission = asPng(validateSubmission(request, now()));
    if (typeof outputPath === 'string') checkOutputName(outputPath);
    if (outputPath !== undefined && options.outputDir === undefined) {
      throw new AppError('invalid_parameter', 'output_path cannot be used: no folder for results is configured.', {
        hint: 'Leave output_path out; the answer then holds the picture.',
      });
    }
    const acceptance = { caller, submission, share, signal, form: 'edit' } as const;
    if (key === undefined) return { jobId: (await acceptJob(deps, acceptance)).job.id, outputPath };
    const { jobId } = await submitOnce(deps, { owner: caller.owner, key, submission }, async (idempotency) => {
      const { job } = await acceptJob(deps, { ...acceptance, idempotency });
      return job.id;
    });
    return { jobId, outputPath };
  } finally {
    share.close();
  }
}

/** The guide promises PNG, whatever the job's checkpoint or a later default would choose. */
function asPng(submission: ValidatedSubmission): ValidatedSubmission {
  return { ...submission, parameters: { output_format: 'png', ...submission.parameters } };
}

interface Wait {
  readonly owner: string;
  readonly id: string;
  /** Whether the job is canceled when its caller hangs up. */
  readonly cancels: boolean;
  readonly signal: AbortSignal;
}

async function waitForEnd(
  deps: Pick<Services, 'database' | 'log' | 'watch'>,
  { owner, id, cancels, signal }: Wait,
): Promise<JobRecord> {
  const { database, log, watch } = deps;
  const record = await findJob(deps, owner, id);
  if (isTerminal(record.job.status)) return record;
  const outcome = await watch.untilEnd(id, record.job.eventSeq, { signal });
  switch (outcome) {
    case 'ended':
      return findJob(deps, owner, id);
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

/** Why the job has no results, as the error to answer. */
function failureOf({ job }: JobRecord): AppError {
  if (job.status === 'canceled') return new AppError('canceled', `The job ${job.id} was cancelled.`);
  const { code = 'internal', message = '', hint } = job.error ?? {};
  return new AppError(isErrorCode(code) ? code : 'internal', message, hint === undefined ? {} : { hint });
}
