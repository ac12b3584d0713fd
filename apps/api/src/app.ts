import { OpenAPIHono } from '@hono/zod-openapi';
import { AppError, ERRORS, toAppError } from '@qwen-edit/contract';
import { readEventSeqs, readEvents } from '@qwen-edit/db';
import type { Logger } from '@qwen-edit/telemetry';
import { isSending } from './body/receive.ts';
import { createByteBudget } from './byte-budget.ts';
import { createCollector } from './collect-garbage.ts';
import { type ApiContext, type ApiEnv, noteJob, requestFacts } from './context.ts';
import { createCredentialWatch } from './credential-watch.ts';
import { type ApiDeps, DEFAULT_API_LIMITS } from './deps.ts';
import { describeError } from './describe-error.ts';
import { createFairGate } from './fair-gate.ts';
import { createJobWatch } from './job-watch.ts';
import { accessLog } from './middleware/access-log.ts';
import { createGate } from './middleware/authenticate.ts';
import { requestId } from './middleware/request-id.ts';
import { problemResponse } from './problem.ts';
import { createRoutes } from './routes/routes.ts';
import { mountRoutes } from './routing/mount-routes.ts';
import { type OpenApiDocument, openApiDocument } from './routing/openapi.ts';
import type { ApiRoute } from './routing/route.ts';
import { createServiceStatus } from './service-status.ts';
import type { Services } from './services.ts';
import { createTally } from './tally.ts';
import { createThumbnails } from './thumbnails.ts';

export interface HttpApi {
  readonly fetch: OpenAPIHono<ApiEnv>['fetch'];
  /** Every route that is mounted. */
  readonly routes: readonly ApiRoute[];
  /** Describes all routes in OpenAPI 3.1. */
  openApi(): OpenApiDocument;
  /** Is not ready any more, and closes connections after their answers. Everything is still answered. */
  drain(): void;
  /** Ends streams and waits too. Requests that run are still answered. */
  stop(): void;
  /** What requests hold now; all of it is 0 when nobody calls. */
  stats(): { readonly waiting: number; readonly streams: number; readonly bytesHeld: number };
}

/** Events that one query of a stream reads; the next query reads the rest. */
const EVENTS_AT_ONCE = 100;

/** Makes the HTTP API of its parts. It needs node:http's request and response in its bindings: see startHttpServer. */
export function createHttpApi(deps: ApiDeps): HttpApi {
  const { database, store, log, metrics, options } = deps;
  const limits = { ...DEFAULT_API_LIMITS, ...options.limits };
  const now = deps.now ?? (() => new Date());
  const stopper = new AbortController();
  const stopping = stopper.signal;
  const drainer = new AbortController();
  const draining = drainer.signal;
  const budget = createByteBudget(limits.bytesInFlight, createCollector());
  const gate = createGate({ database, options, limits, now });
  const credentials = createCredentialWatch({
    database,
    needsKey: gate.needsKey,
    checkMs: limits.credentialsMs,
    log,
    stopping,
  });
  const decoding = createFairGate({ atOnce: limits.decodings, bytes: limits.decodingBytes });
  const services: Services = {
    ...deps,
    now,
    limits,
    stopping,
    gate,
    watch: createJobWatch({
      readSeqs: (ids) => readEventSeqs(database.db, ids),
      readEvents: (jobId, seq) => readEvents(database.db, jobId, seq, EVENTS_AT_ONCE),
      pollMs: limits.waitPollMs,
      log,
      stopping,
    }),
    status: createServiceStatus({ database, store, limits, draining }),
    budget,
    streams: createTally(),
    decoding,
    thumbnails: createThumbnails({
      store,
      makeThumbnail: deps.makeThumbnail,
      budget,
      decoding,
      log,
    }),
  };

  const routes = createRoutes(services);
  const quietPaths = new Set(routes.filter(({ quiet }) => quiet).map(({ path }) => path));
  const app = new OpenAPIHono<ApiEnv>();
  app.use(accessLog({ log, metrics, quietPaths }), requestId());
  app.use(async (c, next) => {
    await next();
    // Who is answered while they still send is asked to stop: the rest is not read.
    if (draining.aborted || isSending(c.env.incoming)) c.res.headers.set('Connection', 'close');
  });
  app.onError((thrown, c) => answerError(log, thrown, c));
  app.notFound((c) =>
    problemResponse(new AppError('not_found', 'There is nothing at this address.'), c.get('requestId')),
  );
  mountRoutes(app, routes, { gate, credentials });

  return {
    fetch: app.fetch,
    routes,
    openApi: () => openApiDocument(app, options.version),
    drain: () => drainer.abort(),
    stop() {
      drainer.abort();
      stopper.abort();
    },
    stats: () => ({
      waiting: services.watch.waiting(),
      streams: services.streams.count(),
      bytesHeld: services.budget.held(),
    }),
  };
}

/** Packages throw AppErrors; every other error is unforeseen. The log has the error's own words, which callers do not get. */
function answerError(log: Logger, thrown: unknown, c: ApiContext): Response {
  const error = toAppError(thrown);
  if (error.jobId !== undefined) noteJob(c, error.jobId);
  const line = { ...requestFacts(c), route: c.get('route'), code: error.code };
  if (error.code === 'internal') log.error({ ...line, errors: describeError(error) }, 'unforeseen error');
  else if (ERRORS[error.code].status >= 500) log.warn({ ...line, errors: describeError(error) }, 'request failed');
  // What callers are not told: whether a name exists inside.
  else if (error.code === 'url_unreachable') log.info({ ...line, errors: describeError(error) }, 'an address failed');
  return problemResponse(error, c.get('requestId'));
}
