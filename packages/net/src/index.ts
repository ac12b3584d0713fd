export { checkUrl, type UrlRules } from './check-url.ts';
export type { Resolve, ResolvedAddress } from './pinned-agent.ts';
export {
  createSafeFetch,
  type SafeFetch,
  type SafeFetchInit,
  type SafeFetchOptions,
  type SafeResponse,
} from './safe-fetch.ts';
