export { createHttpApi, type HttpApi } from './app.ts';
export type {
  ApiDeps,
  ApiLimits,
  ApiOptions,
  ImageFacts,
} from './deps.ts';
export { DEFAULT_KEEP_ALIVE_MS, httpTimeouts } from './http-timeouts.ts';
export { type RunningServer, type ServerOptions, startHttpServer } from './server.ts';
