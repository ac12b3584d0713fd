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
    /** Aborts when the caller's key or session lets nobody in any more; unset on routes that need none. */
    credentialLost: AbortSignal | undefined;
    /** The job that the request is about, once that is known. */
    jobId: string | undefined;
  };
}

export type ApiContext = Context<ApiEnv>;

/**
 * Aborts when the caller hangs up before the answer has been sent, or loses the right to it: then the reason is an AppError. What is
 * done for a caller for longer than a moment has to stop with this signal.
 */
export function clientGone(c: ApiContext): AbortSignal {
  const { outgoing } = c.env;
  const controller = new AbortController();
  const onClose = (): void => {
    if (!outgoing.writableFinished) controller.abort();
  };
  if (outgoing.destroyed) onClose();
  else outgoing.once('close', onClose);
  const lost = c.get('credentialLost');
  return lost === undefined ? controller.signal : AbortSignal.any([controller.signal, lost]);
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
