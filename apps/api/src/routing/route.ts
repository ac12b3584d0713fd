import { AppError, type Caller, type Scope } from '@qwen-edit/contract';
import { z } from 'zod';
import { type ApiContext, noteJob } from '../context.ts';
import type { Credential, CredentialWatch } from '../credential-watch.ts';
import type { Gate } from '../middleware/authenticate.ts';
import { isJobId, readParams } from './path-params.ts';
import { readQuery } from './read-query.ts';

/** What a caller's key must allow; `open`: the route needs no key. */
export type RouteScope = Scope | 'open';

/** Content that is described by a schema, or that is bytes. */
export type ContentSchema = z.ZodType | 'binary';
export type ContentByMediaType = Readonly<Record<string, ContentSchema>>;

/** What a request's body may be. Its handler reads it, within the limits of bytes and time. */
export interface RouteBody {
  readonly required: boolean;
  readonly content: ContentByMediaType;
}

/** One answer of a route. Without `content` it has no body. */
export interface RouteAnswer {
  readonly description: string;
  readonly content?: ContentByMediaType;
}

/** What is known of a route before it is called. */
export interface RouteFacts {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** As Hono writes it, as `/v1/jobs/:id`. Logs and metrics name the route by it. */
  readonly path: string;
  readonly scope: RouteScope;
  /** One line for people. */
  readonly summary: string;
  /** Names in the path. What does not match is answered with 404 and the schema's message. */
  readonly params: z.ZodObject;
  /** Names in the query. What does not match is answered with 400. */
  readonly query: z.ZodObject;
  readonly body?: RouteBody;
  /** By status. Errors need no entry: every route may answer them, as application/problem+json. */
  readonly answers: Readonly<Record<number, RouteAnswer>>;
  /** True for a route that machines call all the time: its requests are logged at the level debug. */
  readonly quiet?: boolean;
}

/** What lets callers in, and looks after them while they are answered. */
export interface Entrance {
  readonly gate: Pick<Gate, 'admit' | 'admitAnyone'>;
  readonly credentials: Pick<CredentialWatch, 'follow'>;
}

/** A route that can be mounted. */
export interface ApiRoute extends RouteFacts {
  /** Admits the caller by the route's scope, checks path and query, and only then runs the handler. */
  answer(c: ApiContext, entrance: Entrance): Promise<Response>;
}

/** What a handler gets: the request, with names of the path and the query that were checked. */
export interface RouteRequest<P extends z.ZodObject, Q extends z.ZodObject> {
  readonly c: ApiContext;
  readonly params: z.output<P>;
  readonly query: z.output<Q>;
}

interface Checked<P extends z.ZodObject, Q extends z.ZodObject> extends RouteFacts {
  readonly params: P;
  readonly query: Q;
}

interface OpenRoute<P extends z.ZodObject, Q extends z.ZodObject> extends Checked<P, Q> {
  readonly scope: 'open';
  readonly handler: (request: RouteRequest<P, Q>) => Response | Promise<Response>;
}

interface ScopedRoute<P extends z.ZodObject, Q extends z.ZodObject> extends Checked<P, Q> {
  readonly scope: Scope;
  readonly handler: (request: RouteRequest<P, Q> & { readonly caller: Caller }) => Response | Promise<Response>;
}

/** The path has no names. */
export const NO_PARAMS = z.object({});
/** The route does not look at the query; a caller may send any. */
export const ANY_QUERY = z.object({});

/**
 * Makes a route of its definition. A handler of a route with a scope gets the caller; one of an `open` route gets none.
 *
 * @example
 * defineRoute({
 *   method: 'GET',
 *   path: '/v1/jobs/:id',
 *   scope: 'read',
 *   summary: 'One job',
 *   params: z.object({ id: jobIdSchema }),
 *   query: ANY_QUERY,
 *   answers: { 200: jsonAnswer(jobSchema, 'The job') },
 *   handler: async ({ c, caller, params }) => c.json(await readJob(caller.owner, params.id)),
 * });
 */
export function defineRoute<P extends z.ZodObject, Q extends z.ZodObject>(definition: OpenRoute<P, Q>): ApiRoute;
export function defineRoute<P extends z.ZodObject, Q extends z.ZodObject>(definition: ScopedRoute<P, Q>): ApiRoute;
export function defineRoute<P extends z.ZodObject, Q extends z.ZodObject>(
  definition: OpenRoute<P, Q> | ScopedRoute<P, Q>,
): ApiRoute {
  const { handler: _handler, ...facts } = definition;
  const read = (c: ApiContext): RouteRequest<P, Q> => {
    const params = readParams(c, definition.params);
    if (typeof params.id === 'string' && isJobId(params.id)) noteJob(c, params.id);
    return { c, params, query: readQuery(c, definition.query) };
  };
  return {
    ...facts,
    async answer(c, { gate, credentials }) {
      if (definition.scope === 'open') {
        await gate.admitAnyone(c);
        return definition.handler(read(c));
      }
      const { handler, scope } = definition;
      const { caller, credential } = await gate.admit(c, scope);
      return whileValid(c, credentials, credential, async () => handler({ ...read(c), caller }));
    },
  };
}

/**
 * Answers as long as the caller's credential lets them in. A key that is revoked or expires meanwhile has the answer be
 * `unauthorized`, whatever it would have been; one that has begun ends early: see bodyStream and followJob.
 */
async function whileValid(
  c: ApiContext,
  credentials: Entrance['credentials'],
  credential: Credential,
  answer: () => Promise<Response>,
): Promise<Response> {
  const { lost, stop } = credentials.follow(credential);
  c.set('credentialLost', lost);
  const { outgoing } = c.env;
  if (outgoing.destroyed) stop();
  else outgoing.once('close', stop);
  const refuseIfLost = (): void => {
    const { reason } = lost;
    if (!lost.aborted || !(reason instanceof AppError)) return;
    throw new AppError(reason.code, reason.message, { jobId: c.get('jobId'), cause: reason });
  };
  try {
    const response = await answer();
    if (lost.aborted) await response.body?.cancel();
    refuseIfLost();
    return response;
  } catch (thrown) {
    refuseIfLost();
    throw thrown;
  }
}

/** An answer whose body is JSON. */
export function jsonAnswer(schema: z.ZodType, description: string): RouteAnswer {
  return { description, content: { 'application/json': schema } };
}

/** An answer whose body is bytes of these media types. */
export function binaryAnswer(mediaTypes: readonly string[], description: string): RouteAnswer {
  return { description, content: Object.fromEntries(mediaTypes.map((type) => [type, 'binary'])) };
}

/** An answer without a body. */
export function emptyAnswer(description: string): RouteAnswer {
  return { description };
}
