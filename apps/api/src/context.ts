import type { HttpBindings } from '@hono/node-server';
import type { Caller } from '@qwen-edit/contract';
import type { Context } from 'hono';

export interface ApiEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /**
     * Path of the route, as `/v1/jobs/:id`, for logs and metrics. Never the address itself: that may hold a signature.
     */
    route: string;
    /** Who calls, once that is known. */
    caller: Caller | undefined;
    /** The job that the request is about, once that is known. */
    jobId: string | undefined;
  };
}

export type ApiContext = Context<ApiEnv>;

/** Aborts when the caller hangs up before the answer has been sent. */
export function clientGone(c: ApiContext): AbortSignal {
  const { outgoing } = c.env;
  const controller = new AbortController();
  const onClose = (): void => {
    if (!outgoing.writableFinished) controller.abort();
  };
  if (outgoing.destroyed) onClose();
  else outgoing.once('close', onClose);
  return controller.signal;
}

/** Has the lines of the log about this request name the job. */
export function noteJob(c: ApiContext, jobId: string): void {
  c.set('jobId', jobId);
}

/** What each line of the log about a request tells: ids only, never anything that a caller wrote as text. */
export function requestFacts(c: ApiContext): Readonly<Record<string, string | undefined>> {
  const caller = c.get('caller');
  return {
    request_id: c.get('requestId'),
    job_id: c.get('jobId'),
    owner: caller?.owner,
    key_id: caller?.keyId,
  };
}
