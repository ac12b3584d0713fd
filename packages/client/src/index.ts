export {
  type Client,
  type ClientOptions,
  createClient,
  type EditSubmission,
  type JobListQuery,
  type PictureSeries,
} from './client.ts';
export type { Fetch } from './request.ts';
export { readServerSentEvents } from './server-sent-events.ts';
