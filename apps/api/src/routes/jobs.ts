import { isTerminal, JOB_STATUSES, jobListSchema, jobSchema, LIMITS } from '@qwen-edit/contract';
import { deleteJob, listJobs, requestCancel, settleDeletions } from '@qwen-edit/db';
import { tryDelete, withThumbnails } from '@qwen-edit/storage';
import { z } from 'zod';
import { jobBody } from '../body/job-request.ts';
import { clientGone } from '../context.ts';
import { describeError } from '../describe-error.ts';
import { findEarlierJob, findJob, findJobIfPossible } from '../find-job.ts';
import { waitSecondsOf } from '../prefer.ts';
import { isJobId, jobNotFound, jobParamsSchema } from '../routing/path-params.ts';
import { queryNumber } from '../routing/read-query.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, emptyAnswer, jsonAnswer, NO_PARAMS } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { type ShowDeps, showJob, showJobs } from '../show-job.ts';
import type { AcceptedJob } from '../submit/accept-job.ts';
import { type SubmitDeps, submitFromRequest } from '../submit/submit-from-request.ts';
import { untilKnown } from '../until-known.ts';

const listQuerySchema = z.strictObject({
  cursor: z.string().refine(isJobId, 'is not one that this list gave').optional(),
  limit: queryNumber(1, 100).optional(),
  status: z
    .string()
    .transform((list) => list.split(','))
    .pipe(z.array(z.enum(JOB_STATUSES, `must be of ${JOB_STATUSES.join(', ')}, with commas between`)))
    .optional(),
  q: z
    .string()
    .max(LIMITS.searchCharacters, `must have at most ${LIMITS.searchCharacters} characters`)
    .refine((text) => !text.includes('\0'), 'must not hold the character NUL')
    .optional(),
});
const DEFAULT_LIMIT = 20;

type JobRouteDeps = SubmitDeps & ShowDeps & Pick<Services, 'store' | 'watch'>;

/** Jobs: submitting, listing, reading, canceling and deleting them. */
export function jobRoutes(deps: JobRouteDeps): readonly ApiRoute[] {
  return [submitRoute(deps), listRoute(deps), getRoute(deps), cancelRoute(deps), deleteRoute(deps)];
}

/** A request that is repeated is answered in the same form as the first one. */
function submitRoute(deps: SubmitDeps & ShowDeps & Pick<Services, 'watch'>): ApiRoute {
  const { limits, watch } = deps;
  return defineRoute({
    method: 'POST',
    path: '/v1/jobs',
    scope: 'submit',
    summary: 'Submits an edit',
    params: NO_PARAMS,
    query: ANY_QUERY,
    body: jobBody,
    answers: {
      200: jsonAnswer(jobSchema, 'The job, which has ended while the caller waited for it'),
      202: jsonAnswer(jobSchema, 'The job, which was accepted'),
    },
    async handler({ c, caller }) {
      const { owner } = caller;
      const signal = clientGone(c);
      const waitSeconds = waitSecondsOf(c.req.header('prefer'), limits.maxWaitSeconds);
      const { jobId, replayed, made } = await submitFromRequest(c, deps, caller, signal);
      let record: AcceptedJob = made ?? (await findEarlierJob(deps, owner, jobId));
      if (waitSeconds > 0 && !isTerminal(record.job.status)) {
        await watch.untilEnd(jobId, record.job.eventSeq, { signal, timeoutMs: waitSeconds * 1000 });
        // The job is committed. If the database is away now, the answer is 202 with what was known before the wait.
        record = (await findJobIfPossible(deps, owner, jobId)) ?? record;
      }
      const job = await showJob(c, deps, record, caller);
      return c.json(job, waitSeconds > 0 && isTerminal(job.status) ? 200 : 202, {
        Location: job.urls.get,
        ...(waitSeconds > 0 ? { 'Preference-Applied': `wait=${waitSeconds}` } : {}),
        ...(replayed ? { 'Idempotent-Replayed': 'true' } : {}),
      });
    },
  });
}

function listRoute(deps: ShowDeps & Pick<Services, 'database'>): ApiRoute {
  return defineRoute({
    method: 'GET',
    path: '/v1/jobs',
    scope: 'read',
    summary: 'Lists jobs, newest first',
    params: NO_PARAMS,
    query: listQuerySchema,
    answers: { 200: jsonAnswer(jobListSchema, 'A page of jobs') },
    async handler({ c, caller, query: { cursor, limit = DEFAULT_LIMIT, status, q = '' } }) {
      const records = await listJobs(deps.database.db, {
        owner: caller.owner,
        limit: limit + 1,
        ...(cursor === undefined ? {} : { before: cursor }),
        ...(status === undefined ? {} : { status }),
        ...(q === '' ? {} : { search: q }),
      });
      const page = records.slice(0, limit);
      return c.json({
        data: await showJobs(c, deps, page, caller),
        next_cursor: records.length > limit ? (page.at(-1)?.job.id ?? null) : null,
      });
    },
  });
}

function getRoute(deps: ShowDeps & Pick<Services, 'database'>): ApiRoute {
  return defineRoute({
    method: 'GET',
    path: '/v1/jobs/:id',
    scope: 'read',
    summary: 'Reads a job',
    params: jobParamsSchema,
    query: ANY_QUERY,
    answers: { 200: jsonAnswer(jobSchema, 'The job') },
    handler: async ({ c, caller, params: { id } }) =>
      c.json(await showJob(c, deps, await findJob(deps, caller.owner, id), caller)),
  });
}

/** If the job cannot be read once the wish is noted, the answer is 202 with the job as it was before. */
function cancelRoute(deps: ShowDeps & Pick<Services, 'database' | 'limits'>): ApiRoute {
  const { database, limits } = deps;
  return defineRoute({
    method: 'POST',
    path: '/v1/jobs/:id/cancel',
    scope: 'submit',
    summary: 'Asks a job to stop; changes nothing if it has ended',
    params: jobParamsSchema,
    query: ANY_QUERY,
    answers: {
      200: jsonAnswer(jobSchema, 'The job'),
      202: jsonAnswer(jobSchema, 'The job as it was before it was asked to stop: it could not be read since'),
    },
    async handler({ c, caller, params: { id } }) {
      const before = await findJob(deps, caller.owner, id);
      if (!(await untilKnown(limits, () => requestCancel(database.db, { owner: caller.owner, id }))))
        throw jobNotFound();
      const after = await findJobIfPossible(deps, caller.owner, id);
      const job = await showJob(c, deps, after ?? before, caller);
      return after === undefined ? c.json(job, 202, { Location: job.urls.get }) : c.json(job, 200);
    },
  });
}

/** Longer than a store takes that answers. A caller does not wait for one that does not. */
const DELETE_MS = 10_000;

/**
 * The job is gone when its rows are. Its objects are noted in the same transaction, so what the store does not delete now is
 * deleted later by a dispatcher, for certain.
 */
function deleteRoute({
  database,
  limits,
  store,
  log,
}: Pick<Services, 'database' | 'limits' | 'store' | 'log'>): ApiRoute {
  return defineRoute({
    method: 'DELETE',
    path: '/v1/jobs/:id',
    scope: 'submit',
    summary: 'Deletes a job that has ended, with its events and pictures',
    params: jobParamsSchema,
    query: ANY_QUERY,
    answers: { 204: emptyAnswer('The job is deleted') },
    async handler({ c, caller: { owner }, params: { id } }) {
      const remove = () => deleteJob(database, { owner, id });
      // If the answer to the COMMIT was lost and the job is gone, then by this request. Its objects are noted.
      const keys = await untilKnown(limits, remove, async () => (await remove()) ?? []);
      if (keys === undefined) throw jobNotFound();
      const outcome = await tryDelete(store, withThumbnails(keys), { signal: AbortSignal.timeout(DELETE_MS) });
      const [first] = outcome.kept;
      if (first !== undefined) {
        const facts = { job_id: id, objects: outcome.kept.length, key: first.key, reason: first.reason };
        log.warn(facts, 'objects of a deleted job could not be deleted, a dispatcher tries again');
      }
      await settleDeletions(database.db, outcome).catch((thrown: unknown) => {
        log.warn(
          { job_id: id, errors: describeError(thrown) },
          'a dispatcher deletes the objects of a deleted job again',
        );
      });
      return c.body(null, 204);
    },
  });
}
