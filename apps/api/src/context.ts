import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

export interface ApiEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /**
     * Path of the route, as `/v1/jobs/:id`, for logs and metrics. Never the address itself: that may hold a signature.
     */
    route: string;
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
