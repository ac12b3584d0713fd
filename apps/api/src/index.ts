export { type Api, createApi } from './app.ts';
export {
  type ApiDeps,
  type ApiLimits,
  type ApiOptions,
  DEFAULT_API_LIMITS,
  type ProvedPicture,
  type ShapeRules,
} from './deps.ts';
export { type RunningServer as Server, type ServerOptions, startServer } from './server.ts';
