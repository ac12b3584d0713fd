export { createHttpApi, type HttpApi } from './app.ts';
export {
  type ApiDeps,
  type ApiLimits,
  type ApiOptions,
  DEFAULT_API_LIMITS,
  type ValidatedImage,
} from './deps.ts';
export { type RunningServer, type ServerOptions, startHttpServer } from './server.ts';
