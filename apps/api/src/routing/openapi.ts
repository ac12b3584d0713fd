import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import { PROBLEM_MEDIA_TYPE, problemSchema } from '@qwen-edit/contract';
import { z } from 'zod';
import type { ApiEnv } from '../context.ts';
import { SESSION_COOKIE } from '../middleware/session-cookie.ts';
import type { ContentByMediaType, RouteAnswer, RouteFacts } from './route.ts';

/** The ways to show an API key. A route with a scope takes any of them. */
const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
} as const;

export type OpenApiDocument = ReturnType<OpenAPIHono<ApiEnv>['getOpenAPI31Document']>;

/** The OpenAPI 3.1 document of all routes that are mounted in `app`. */
export function openApiDocument(app: OpenAPIHono<ApiEnv>, version: string): OpenApiDocument {
  const document = app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 'qwen-edit', version } });
  return { ...document, components: { ...document.components, securitySchemes: SECURITY_SCHEMES } };
}

/** A path as OpenAPI writes it: `/v1/jobs/{id}`. What Hono's `*` stands for is called `path`. */
export function openApiPath(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}');
}

/** A route's definition in the words of OpenAPI. */
export function toOpenApiRoute({
  method,
  path,
  scope,
  summary,
  params,
  query,
  body,
  answers,
}: RouteFacts): RouteConfig {
  const names = path.endsWith('*') ? params.extend({ path: z.string() }) : params;
  return {
    method: methodOf(method),
    path: openApiPath(path),
    summary,
    security: scope === 'open' ? [] : Object.keys(SECURITY_SCHEMES).map((scheme) => ({ [scheme]: [scope] })),
    request: {
      params: names,
      query,
      ...(body === undefined ? {} : { body: { required: body.required, content: contentOf(body.content) } }),
    },
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, responseOf(answer)])),
      default: { description: 'An error (RFC 9457)', content: contentOf({ [PROBLEM_MEDIA_TYPE]: problemSchema }) },
    },
  };
}

function responseOf({ description, content }: RouteAnswer): RouteConfig['responses'][string] {
  return { description, ...(content === undefined ? {} : { content: contentOf(content) }) };
}

const BINARY = { type: 'string', format: 'binary' } as const;

function contentOf(content: ContentByMediaType): Record<string, { schema: z.ZodType | typeof BINARY }> {
  return Object.fromEntries(
    Object.entries(content).map(([mediaType, schema]) => [
      mediaType,
      { schema: schema === 'binary' ? BINARY : schema },
    ]),
  );
}

function methodOf(method: RouteFacts['method']): RouteConfig['method'] {
  switch (method) {
    case 'GET':
      return 'get';
    case 'POST':
      return 'post';
    case 'PUT':
      return 'put';
    case 'DELETE':
      return 'delete';
  }
}
