import { EventEmitter } from 'node:events';
import { OpenAPIHono } from '@hono/zod-openapi';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ApiEnv } from '../../apps/api/src/context.ts';
import { DEFAULT_API_LIMITS } from '../../apps/api/src/deps.ts';
import { createGate } from '../../apps/api/src/middleware/authenticate.ts';
import { mountRoutes } from '../../apps/api/src/routing/mount-routes.ts';
import { openApiDocument, openApiPath } from '../../apps/api/src/routing/openapi.ts';
import { queryNumber } from '../../apps/api/src/routing/read-query.ts';
import { defineRoute, jsonAnswer } from '../../apps/api/src/routing/route.ts';
import { AppError } from '../../packages/contract/src/index.ts';
import { createApiKey } from '../../packages/db/src/index.ts';
import { sharedApi, startTestApi } from './harness.ts';

const newRoute = defineRoute({
  method: 'GET',
  path: '/v1/things/:id',
  scope: 'read',
  summary: 'A route that was just added',
  params: z.object({ id: z.string().regex(/^\d+$/, 'There is no such thing.') }),
  query: z.strictObject({ limit: queryNumber(1, 10).optional() }),
  answers: { 200: jsonAnswer(z.object({ owner: z.string() }), 'Its owner') },
  handler: ({ c, caller: { owner }, params: { id }, query: { limit } }) => c.json({ owner, id, limit }),
});

/** The new route alone, behind the gate of a real database. Errors are told by their code. */
async function mountNewRoute() {
  const { database } = await startTestApi();
  const gate = createGate({
    database,
    options: { keysRequired: true, insecure: false },
    limits: { ...DEFAULT_API_LIMITS, keysCachedMs: 0 },
    now: () => new Date(),
  });
  const app = new OpenAPIHono<ApiEnv>();
  app.onError((thrown, c) => c.json(thrown instanceof AppError ? [thrown.code, thrown.message] : String(thrown), 500));
  const credentials = { follow: () => ({ lost: new AbortController().signal, stop: () => undefined }) };
  mountRoutes(app, [newRoute], { gate, credentials });
  // What node:http would give.
  const env = { incoming: { socket: { remoteAddress: '127.0.0.1' } }, outgoing: new EventEmitter() };
  const keyWith = async (scope: 'read' | 'submit') =>
    (await createApiKey(database.db, { owner: 'ann', name: 'x', scopes: [scope] })).secret;
  const get = async (path: string, key = '') =>
    (await app.request(path, { headers: key === '' ? {} : { 'x-api-key': key } }, env)).json();
  return { app, get, keyWith };
}

describe('a new route', () => {
  it('is admitted by its scope', async () => {
    const { get, keyWith } = await mountNewRoute();
    expect(await get('/v1/things/1')).toEqual(['unauthorized', expect.any(String)]);
    const submit = await keyWith('submit');
    expect(await get('/v1/things/1', submit)).toEqual(['forbidden', 'The API key lacks the scope read.']);
    expect(await get('/v1/things/1', await keyWith('read'))).toEqual({ owner: 'ann', id: '1' });
  });

  it('has its path and query checked, after admission', async () => {
    const { get, keyWith } = await mountNewRoute();
    expect(await get('/v1/things/x?limit=0')).toEqual(['unauthorized', expect.any(String)]);
    const key = await keyWith('read');
    expect(await get('/v1/things/1?limit=10', key)).toEqual({ owner: 'ann', id: '1', limit: 10 });
    expect(await get('/v1/things/x?limit=0', key)).toEqual(['not_found', 'There is no such thing.']);
    const rule = 'limit must be a whole number from 1 to 10.';
    expect(await get('/v1/things/1?limit=11', key)).toEqual(['invalid_parameter', rule]);
    expect(await get('/v1/things/1?limit=1&limit=2', key)).toEqual([
      'invalid_parameter',
      'limit is given more than once.',
    ]);
    expect(await get('/v1/things/1?other=1', key)).toEqual(['invalid_parameter', expect.stringContaining('other')]);
  });

  it('is in the OpenAPI document, with its query, answers and security', async () => {
    const { app } = await mountNewRoute();
    const operation = openApiDocument(app, '1').paths?.['/v1/things/{id}']?.get;
    expect(operation?.parameters).toEqual([
      expect.objectContaining({ in: 'path', name: 'id', required: true }),
      expect.objectContaining({ in: 'query', name: 'limit', required: false }),
    ]);
    expect(operation?.security).toEqual([{ bearer: ['read'] }, { apiKey: ['read'] }, { session: ['read'] }]);
    expect(Object.keys(operation?.responses ?? {})).toEqual(['200', 'default']);
  });
});

describe('the table of routes', () => {
  const server = sharedApi();

  it('is whole in the OpenAPI document, each route with the security of its scope', () => {
    const { routes, openApi } = server().api;
    const document = openApi();
    expect(document.openapi).toBe('3.1.0');
    const described = Object.entries(document.paths ?? {}).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
    );
    expect(described).toHaveLength(routes.length);
    const schemes = Object.keys(document.components?.securitySchemes ?? {});
    expect(schemes).toEqual(['bearer', 'apiKey', 'session']);
    for (const { method, path, scope, summary, answers, body } of routes) {
      const found = described.find((each) => each.path === openApiPath(path) && each.method === method);
      const content = body === undefined ? undefined : { content: Object.fromEntries(mediaTypes(body)) };
      expect(found?.operation, `${method} ${path}`).toMatchObject({
        summary,
        security: scope === 'open' ? [] : schemes.map((scheme) => ({ [scheme]: [scope] })),
        responses: {
          ...Object.fromEntries(Object.entries(answers).map(([status, { description }]) => [status, { description }])),
          default: { content: { 'application/problem+json': { schema: { type: 'object' } } } },
        },
        ...(content === undefined ? {} : { requestBody: content }),
      });
    }
    expect(JSON.parse(JSON.stringify(document)), 'no schema is lost in JSON').toEqual(document);
  });

  it('describes pictures as files of a form, and parameters by the rules that they are checked by', () => {
    const submit = server().api.openApi().paths?.['/v1/jobs']?.post?.requestBody;
    expect(submit).toMatchObject({
      content: {
        'application/json': { schema: { required: ['prompt'] } },
        'multipart/form-data': {
          schema: {
            properties: {
              image: { items: { type: 'string', format: 'binary' }, maxItems: 8 },
              num_inference_steps: { type: 'integer', minimum: 1, maximum: 100 },
              size: { type: 'string', pattern: expect.stringContaining('auto') },
              output_area: { type: 'integer', minimum: 1024, maximum: 4096 ** 2 },
              reference_size: { type: 'string', enum: ['model', 'output'] },
              preset: { type: 'string' },
              speed: { type: 'string', enum: ['exact', 'balanced', 'fast'] },
            },
          },
        },
      },
    });
  });

  it('answers other methods of its paths with 405 and Allow', async () => {
    const { api, url } = server();
    for (const [path, routes] of Map.groupBy(api.routes, (route) => route.path)) {
      const response = await fetch(url + path.replaceAll(/:\w+/g, '0'), { method: 'PATCH' });
      expect(response.status, path).toBe(405);
      const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
      expect(response.headers.get('allow'), path).toBe(methods.join(', '));
      expect(await response.json()).toMatchObject({ code: 'method_not_allowed' });
    }
  });
});

function mediaTypes({ content }: { readonly content: object }): [string, unknown][] {
  return Object.keys(content).map((type) => [type, expect.objectContaining({ schema: expect.any(Object) })]);
}
