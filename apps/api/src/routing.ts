import { AppError } from '@qwen-edit/contract';
import type { Hono } from 'hono';
import type { ApiContext, ApiEnv } from './context.ts';
import { problemResponse } from './problem.ts';

export type Handler = (c: ApiContext) => Response | Promise<Response>;
export type Handlers = Partial<Record<'GET' | 'POST' | 'PUT' | 'DELETE', Handler>>;

/** Answers a path with its handlers, by method, and every other method with 405 and Allow. GET answers HEAD too. */
export function route(app: Hono<ApiEnv>, path: string, handlers: Handlers): void {
  for (const [method, handler] of Object.entries(handlers)) {
    app.on(method, path, (c) => {
      c.set('route', path);
      return handler(c);
    });
  }
  const allowed = Object.keys(handlers).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  app.all(path, (c) => {
    c.set('route', path);
    const error = new AppError('method_not_allowed', `This address takes ${allowed.join(', ')}.`);
    return problemResponse(error, c.get('requestId'), { Allow: allowed.join(', ') });
  });
}
