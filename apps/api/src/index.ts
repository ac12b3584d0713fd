export { createHttpApi, type HttpApi } from './app.ts';
export type {
  ApiDeps,
  ApiLimits,
  ApiOptions,
  ImageFacts,
} from './deps.ts';
export { type RunningServer, type ServerOptions, startHttpServer } from './server.ts';
