export { createHttpApi, type HttpApi } from './app.ts';
export type {
  ApiDeps,
  ApiLimits,
  ApiOptions,
  ImageFacts,
} from './deps.ts';
export { httpTimeouts } from './http-timeouts.ts';
export { type RunningServer, type ServerOptions, startHttpServer } from './server.ts';
