import { AppError, ERRORS, toAppError } from '@qwen-edit/contract';
import { readEventSeqs, readEvents } from '@qwen-edit/db';
import { Hono } from 'hono';
import { createByteBudget } from './byte-budget.ts';
import type { ApiContext, ApiEnv } from './context.ts';
import { type ApiDeps, DEFAULT_API_LIMITS } from './deps.ts';
import { describeError } from './describe-error.ts';
import { createJobWatch } from './job-watch.ts';
import { createLimiter } from './limiter.ts';
import { accessLog } from './middleware/access-log.ts';
import { createGate } from './middleware/authenticate.ts';
import { requestId } from './middleware/request-id.ts';
import { problemResponse } from './problem.ts';
import { editRoutes } from './routes/edit.ts';
import { jobEventRoutes } from './routes/job-events.ts';
import { jobRoutes } from './routes/jobs.ts';
import { modelRoutes } from './routes/models.ts';
import { objectRoutes } from './routes/objects.ts';
import { operationRoutes } from './routes/operations.ts';
import { pageRoutes } from './routes/page.ts';
import { pictureRoutes } from './routes/pictures.ts';
import { sessionRoutes } from './routes/session.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { createServiceStatus } from './service-status.ts';
import type { Services } from './services.ts';
import { createTally } from './tally.ts';
import { createThumbnails } from './thumbnails.ts';

export interface HttpApi {
  readonly fetch: Hono<ApiEnv>['fetch'];
  /** Ends streams and waits, and has connections closed after their answers. Requests that run are answered. */
  stop(): void;
  /** What is held now: to be nothing when nobody calls. */
  stats(): { readonly waiting: number; readonly streams: number; readonly bytesHeld: number };
}

/** Events that one query of a stream reads; the rest comes with the next. */
const EVENTS_AT_ONCE = 100;

/** The HTTP API over its parts. It needs node:http's request and response in its bindings: see startHttpServer. */
export function createHttpApi(deps: ApiDeps): HttpApi {
  const { database, store, log, metrics, options } = deps;
  const limits = { ...DEFAULT_API_LIMITS, ...options.limits };
  const now = deps.now ?? (() => new Date());
  const stopper = new AbortController();
  const stopping = stopper.signal;
  const budget = createByteBudget(limits.bytesInFlight);
  const services: Services = {
    ...deps,
    now,
    limits,
    stopping,
    gate: createGate({ database, options, limits, now }),
    watch: createJobWatch({
      readSeqs: (ids) => readEventSeqs(database.db, ids),
      readEvents: (jobId, seq) => readEvents(database.db, jobId, seq, EVENTS_AT_ONCE),
      pollMs: limits.waitPollMs,
      log,
      stopping,
    }),
    status: createServiceStatus({ database, store, limits, stopping }),
    budget,
    streams: createTally(),
    validating: createLimiter(limits.validating),
    thumbnails: createThumbnails({
      store,
      makeThumbnail: deps.makeThumbnail,
      budget,
      atOnce: limits.thumbnailing,
      log,
    }),
  };

  const app = new Hono<ApiEnv>();
  app.use(accessLog({ log, metrics }), requestId());
  app.use(async (c, next) => {
    await next();
    if (stopping.aborted) c.res.headers.set('Connection', 'close');
  });
  app.onError((thrown, c) => answerError(services, thrown, c));
  app.notFound((c) =>
    problemResponse(new AppError('not_found', 'There is nothing at this address.'), c.get('requestId')),
  );
  pageRoutes(app, services);
  operationRoutes(app, services);
  sessionRoutes(app, services);
  jobRoutes(app, services);
  jobEventRoutes(app, services);
  pictureRoutes(app, services);
  uploadRoutes(app, services);
  objectRoutes(app, services);
  modelRoutes(app, services);
  webhookRoutes(app, services);
  editRoutes(app, services);

  return {
    fetch: app.fetch,
    stop: () => stopper.abort(),
    stats: () => ({
      waiting: services.watch.waiting(),
      streams: services.streams.count(),
      bytesHeld: services.budget.held(),
    }),
  };
}

/** Packages throw AppErrors; anything else is unforeseen. */
function answerError({ log }: Services, thrown: unknown, c: ApiContext): Response {
  const error = toAppError(thrown);
  const request_id = c.get('requestId');
  const line = { request_id, route: c.get('route'), code: error.code };
  if (error.code === 'internal') log.error({ ...line, errors: describeError(error) }, 'unforeseen error');
  else if (ERRORS[error.code].status >= 500) log.warn({ ...line, errors: describeError(error) }, 'request failed');
  return problemResponse(error, request_id);
}
