import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';

export interface ApiEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** Pattern of the route, for logs and metrics; never the address itself, which may be signed. */
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
