import type { OpenAPIHono } from '@hono/zod-openapi';
import { AppError } from '@qwen-edit/contract';
import type { ApiEnv } from '../context.ts';
import { problemResponse } from '../problem.ts';
import { toOpenApiRoute } from './openapi.ts';
import type { ApiRoute, Entrance } from './route.ts';

/**
 * Answers each route by its method, and every other method of its path with 405 and Allow. GET answers HEAD too. Each
 * route is also registered for the OpenAPI document.
 */
export function mountRoutes(app: OpenAPIHono<ApiEnv>, routes: readonly ApiRoute[], entrance: Entrance): void {
  for (const route of routes) {
    app.openAPIRegistry.registerPath(toOpenApiRoute(route));
    app.on(route.method, route.path, (c) => {
      c.set('route', route.path);
      return route.answer(c, entrance);
    });
  }
  for (const [path, ofPath] of Map.groupBy(routes, (route) => route.path)) {
    const allowed = ofPath.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
    app.all(path, (c) => {
      c.set('route', path);
      const error = new AppError('method_not_allowed', `This address takes ${allowed}.`);
      return problemResponse(error, c.get('requestId'), { Allow: allowed });
    });
  }
}
