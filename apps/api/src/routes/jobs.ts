import { type Caller, isTerminal, JOB_STATUSES, LIMITS, presentJob } from '@qwen-edit/contract';
import { deleteJob, type JobRecord, listJobs, readJob, requestCancel } from '@qwen-edit/db';
import { withThumbnails } from '@qwen-edit/storage';
import type { Hono } from 'hono';
import { z } from 'zod';
import { baseUrlOf } from '../base-url.ts';
import { type ApiContext, type ApiEnv, clientGone } from '../context.ts';
import { describeError } from '../describe-error.ts';
import { isJobId, jobIdOf, jobNotFound } from '../ids.ts';
import { waitSecondsOf } from '../prefer.ts';
import { parseQuery, queryNumber } from '../query.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';
import type { AcceptedJob } from '../submit/accept-job.ts';
import { submit } from './submit-job.ts';

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

export function jobRoutes(app: Hono<ApiEnv>, services: Services): void {
  const { gate, options } = services;
  route(app, '/v1/jobs', {
    POST: async (c) => postJob(c, services, await gate.admit(c, 'submit')),
    GET: async (c) => getJobs(c, services, await gate.admit(c, 'read')),
  });
  route(app, '/v1/jobs/:id', {
    GET: async (c) => {
      const { owner } = await gate.admit(c, 'read');
      return c.json(presentJob(await findJob(services, owner, jobIdOf(c)), baseUrlOf(c, options.publicUrl)));
    },
    DELETE: async (c) => removeJob(c, services, await gate.admit(c, 'submit')),
  });
  route(app, '/v1/jobs/:id/cancel', {
    POST: async (c) => cancelJob(c, services, await gate.admit(c, 'submit')),
  });
}

/** A job of the owner's. Throws AppError `not_found`. */
export async function findJob({ database }: Services, owner: string, id: string): Promise<JobRecord> {
  const record = await readJob(database.db, { id, owner });
  if (record === undefined) throw jobNotFound();
  return record;
}

/** 202 with the job; 200 where the caller waited and it is done. A repeated request answers in the same form. */
async function postJob(c: ApiContext, services: Services, caller: Caller): Promise<Response> {
  const { limits, options, watch } = services;
  const signal = clientGone(c);
  const waitSeconds = waitSecondsOf(c.req.header('prefer'), limits.maxWaitSeconds);
  const { jobId, replayed, made } = await submit(c, services, caller, signal);
  let record: AcceptedJob = made ?? (await findJob(services, caller.owner, jobId));
  if (waitSeconds > 0 && !isTerminal(record.job.status)) {
    await watch.untilEnd(jobId, record.job.eventSeq, { signal, timeoutMs: waitSeconds * 1000 });
    record = await findJob(services, caller.owner, jobId);
  }
  const job = presentJob(record, baseUrlOf(c, options.publicUrl));
  return c.json(job, waitSeconds > 0 && isTerminal(job.status) ? 200 : 202, {
    Location: job.urls.get,
    ...(waitSeconds > 0 ? { 'Preference-Applied': `wait=${waitSeconds}` } : {}),
    ...(replayed ? { 'Idempotent-Replayed': 'true' } : {}),
  });
}

async function getJobs(c: ApiContext, { database, options }: Services, { owner }: Caller): Promise<Response> {
  const { cursor, limit = DEFAULT_LIMIT, status, q = '' } = parseQuery(c, listQuerySchema);
  const records = await listJobs(database.db, {
    owner,
    limit: limit + 1,
    ...(cursor === undefined ? {} : { before: cursor }),
    ...(status === undefined ? {} : { status }),
    ...(q === '' ? {} : { search: q }),
  });
  const page = records.slice(0, limit);
  const baseUrl = baseUrlOf(c, options.publicUrl);
  return c.json({
    data: page.map((record) => presentJob(record, baseUrl)),
    next_cursor: records.length > limit ? (page.at(-1)?.job.id ?? null) : null,
  });
}

async function cancelJob(c: ApiContext, services: Services, { owner }: Caller): Promise<Response> {
  const id = jobIdOf(c);
  if (!(await requestCancel(services.database.db, { owner, id }))) throw jobNotFound();
  return c.json(presentJob(await findJob(services, owner, id), baseUrlOf(c, services.options.publicUrl)));
}

/** The objects go after the rows: what stays behind of them has no row, and is swept. */
async function removeJob(c: ApiContext, { database, store, log }: Services, { owner }: Caller): Promise<Response> {
  const id = jobIdOf(c);
  const keys = await deleteJob(database, { owner, id });
  if (keys === undefined) throw jobNotFound();
  await store.delete(withThumbnails(keys)).catch((thrown: unknown) => {
    log.warn({ job_id: id, errors: describeError(thrown) }, 'objects of a deleted job stay for the sweeper');
  });
  return c.body(null, 204);
}
