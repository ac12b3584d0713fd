import { pause } from '@qwen-edit/async';
import { AppError, type Caller, fieldError, isErrorCode, isTerminal, jobSchema, presentJob } from '@qwen-edit/contract';
import { type JobRecord, requestCancel } from '@qwen-edit/db';
import { type AddressDeps, baseUrlOf } from '../base-url.ts';
import { editBody, editFromForm, editFromJson } from '../body/edit-request.ts';
import { type ValidatedSubmission, validateSubmission } from '../body/submission.ts';
import { type ApiContext, clientGone, requestFacts } from '../context.ts';
import type { ApiOptions } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import { answerEdit, editAnswerSchema } from '../edit/edit-answer.ts';
import { checkOutputName } from '../edit/output-files.ts';
import { findEarlierJob, findJobIfPossible } from '../find-job.ts';
import { jobNotFound } from '../routing/path-params.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, jsonAnswer, NO_PARAMS } from '../routing/route.ts';
import type { Services } from '../services.ts';
import type { AcceptedJob } from '../submit/accept-job.ts';
import { readIdempotencyKey } from '../submit/idempotency.ts';
import { type SubmitDeps, submitValidated } from '../submit/submit-from-request.ts';

type EditDeps = SubmitDeps &
  AddressDeps &
  Pick<Services, 'stopping' | 'store' | 'watch'> & { readonly options: Pick<ApiOptions, 'outputDir'> };

const READ_AGAIN_MS = 500;

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
      answers: {
        200: jsonAnswer(editAnswerSchema, 'The pictures, or the files that they were written to'),
        202: jsonAnswer(jobSchema, 'The job, which was accepted, but whose pictures cannot be given now'),
      },
      handler: ({ c, caller }) => postEdit(c, deps, caller),
    }),
  ];
}

async function postEdit(c: ApiContext, deps: EditDeps, caller: Caller): Promise<Response> {
  const signal = clientGone(c);
  const key = readIdempotencyKey(c.req.header('idempotency-key'));
  const { jobId, made, outputPath } = await submitEdit(c, deps, { caller, key, signal });
  const known = made ?? (await findEarlierJob(deps, caller.owner, jobId));
  const ended = await waitForEnd(deps, { owner: caller.owner, known, cancels: key === undefined, signal });
  if (ended === undefined) return answerLater(c, deps, known);
  if (ended.job.status !== 'succeeded') throw failureOf(ended);
  const { outputDir } = deps.options;
  const files =
    outputPath === undefined || outputDir === undefined
      ? undefined
      : { folder: outputDir, name: outputPath === true ? jobId : outputPath };
  try {
    return c.json(await answerEdit(deps, ended, files));
  } catch (thrown) {
    deps.log.warn({ ...requestFacts(c), errors: describeError(thrown) }, 'the results of an edit cannot be given now');
    return answerLater(c, deps, ended);
  }
}

/** 202 with the job: it is committed, and an error would have the caller make another one. */
function answerLater(c: ApiContext, deps: AddressDeps, record: AcceptedJob): Response {
  const job = presentJob(record, baseUrlOf(c, deps));
  return c.json(job, 202, { Location: job.urls.get });
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
      const hint = 'Leave output_path out; the answer then holds the picture.';
      const rule = 'cannot be used: no folder for results is configured';
      throw fieldError('output_path', { code: 'invalid', rule }, { hint });
    }
    return {
      ...(await submitValidated(c, deps, { caller, key, submission, share, signal, form: 'edit' })),
      outputPath,
    };
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
  /** The job as it is known so far. */
  readonly known: AcceptedJob;
  /** Whether the job is canceled when its caller hangs up. */
  readonly cancels: boolean;
  readonly signal: AbortSignal;
}

/** The job when it has ended, however long the database is away meanwhile; undefined if the service stops before. */
async function waitForEnd(
  deps: Pick<Services, 'database' | 'limits' | 'log' | 'stopping' | 'watch'>,
  { owner, known, cancels, signal }: Wait,
): Promise<JobRecord | undefined> {
  const { database, log, stopping, watch } = deps;
  const { id, status, eventSeq } = known.job;
  const outcome = isTerminal(status) ? 'ended' : await watch.untilEnd(id, eventSeq, { signal });
  switch (outcome) {
    case 'ended':
      for (;;) {
        const record = await findJobIfPossible(deps, owner, id);
        if (record !== undefined || stopping.aborted || signal.aborted) return record;
        await pause(READ_AGAIN_MS, AbortSignal.any([stopping, signal]));
      }
    case 'aborted':
      if (cancels)
        await requestCancel(database.db, { owner, id }).catch((thrown: unknown) => {
          log.warn({ job_id: id, errors: describeError(thrown) }, 'a job goes on though its caller has hung up');
        });
      throw new AppError('canceled', 'The caller has hung up.');
    case 'gone':
      throw jobNotFound();
    default:
      return undefined;
  }
}

/** Why the job has no results, as the error to answer. */
function failureOf({ job }: JobRecord): AppError {
  if (job.status === 'canceled') return new AppError('canceled', `The job ${job.id} was cancelled.`);
  const { code = 'internal', message = '', hint } = job.error ?? {};
  return new AppError(isErrorCode(code) ? code : 'internal', message, {
    ...(hint === undefined ? {} : { hint }),
    jobId: job.id,
  });
}
