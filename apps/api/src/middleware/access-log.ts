import type { Logger, Metrics } from '@qwen-edit/telemetry';
import type { MiddlewareHandler } from 'hono';
import { type ApiEnv, requestFacts } from '../context.ts';

export interface AccessLogDeps {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Paths of routes that machines call all the time: their requests are logged at the level debug. */
  readonly quietPaths: ReadonlySet<string>;
}

/** Logs each request, and measures the time until its answer begins. */
export function accessLog({ log, metrics, quietPaths }: AccessLogDeps): MiddlewareHandler<ApiEnv> {
  return async (c, next) => {
    const start = performance.now();
    await next();
    const ms = performance.now() - start;
    const { method } = c.req;
    const route = c.get('route');
    metrics.requestSeconds.observe({ route, method: methodLabel(method), status: String(c.res.status) }, ms / 1000);
    const line = { ...requestFacts(c), method, route, status: c.res.status, ms: Math.round(ms) };
    if (quietPaths.has(route)) log.debug(line, 'request');
    else log.info(line, 'request');
  };
}

/** Callers may send any method; each one would become a time series of its own. */
function methodLabel(method: string): string {
  return ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].includes(method) ? method : 'other';
}
