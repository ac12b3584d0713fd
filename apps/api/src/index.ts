export { createHttpApi, type HttpApi } from './app.ts';
export type {
  ApiDeps,
  ApiLimits,
  ApiOptions,
  ImageFacts,
} from './deps.ts';
export { refuseForeignHost } from './middleware/same-site.ts';
export { createGuardedServer } from './server/guarded-server.ts';
export { type RunningServer, type ServerOptions, startHttpServer } from './server/http-server.ts';
export { refuseRequest } from './server/refuse-raw.ts';
