import {
  type Estimate,
  estimateSchema,
  type Health,
  healthSchema,
  type Job,
  type JobEvent,
  type JobList,
  knownEvent,
  type ModelList,
  modelListSchema,
  readableEventListSchema,
  readableJobListSchema,
  readableJobSchema,
} from '@qwen-edit/contract';
import { watchEvents } from './events.ts';
import { createRequester, type Fetch } from './request.ts';

export interface ClientOptions {
  /** Address of the service, as http://127.0.0.1:7860. It may have a path, as behind a proxy. */
  readonly baseUrl: string;
  /** Browsers that have signed in need none: they send a cookie. */
  readonly apiKey?: string;
  readonly fetch?: Fetch;
}

export interface EditSubmission {
  /** Encoded pictures. */
  readonly images: readonly (Uint8Array | Blob)[];
  /** Parameters of the edit and options of the job, by the names of POST /v1/jobs. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The same for every try at the same submission: however often it arrives, one job is made. */
  readonly idempotencyKey?: string;
}

export interface EstimateRequest {
  /** Sizes of the pictures; one of 1024 × 1024 if left out. */
  readonly images?: readonly { readonly width: number; readonly height: number }[];
  /** Parameters of the edit, by the names of POST /v1/jobs. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface JobListQuery {
  /** One status, or several with commas between. */
  readonly status?: string | undefined;
  /** A part of the prompt, or the id of a job. */
  readonly q?: string | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** The pictures that a job was given, or those that it made. */
export type PictureSeries = 'inputs' | 'outputs';

/**
 * The API of a service, typed, for Node and for browsers. Every call rejects with the AppError that the service names:
 * `service_unreachable` if nobody answers, `answer_unreadable` if the answer is not the API's, `canceled` by the signal.
 */
export interface Client {
  /** `send` takes the place of fetch for this call, so that a caller can show how far it is. */
  submit(submission: EditSubmission, signal?: AbortSignal, send?: Fetch): Promise<Job>;
  get(id: string, signal?: AbortSignal): Promise<Job>;
  /** Newest first. */
  list(query: JobListQuery, signal?: AbortSignal): Promise<JobList>;
  /** Asks the job to stop; asking a final one changes nothing. */
  cancel(id: string, signal?: AbortSignal): Promise<Job>;
  delete(id: string, signal?: AbortSignal): Promise<void>;
  /** Events from the first (or after `after`) to the final one. A stream that breaks is opened again after the last event. */
  events(id: string, options?: { after?: number; signal?: AbortSignal }): AsyncIterable<JobEvent>;
  /** The events so far, without waiting for more. */
  log(id: string, options?: { after?: number; signal?: AbortSignal }): Promise<readonly JobEvent[]>;
  picture(id: string, series: PictureSeries, index: number, signal?: AbortSignal): Promise<Blob>;
  /** What an edit needs and takes with each model of live workers. It makes nothing. */
  estimate(request: EstimateRequest, signal?: AbortSignal): Promise<Estimate>;
  /** What live workers have loaded, and what the service allows. */
  models(signal?: AbortSignal): Promise<ModelList>;
  health(signal?: AbortSignal): Promise<Health>;
  /** Resolves if the service answers at all. */
  alive(signal?: AbortSignal): Promise<void>;
  /** Trades an API key for a cookie, which pictures and links of a page need. */
  signIn(key: string): Promise<void>;
  signOut(): Promise<void>;
  /** Addresses for a page's elements, which fetch by themselves. */
  pictureUrl(id: string, series: PictureSeries, index: number): string;
  thumbnailUrl(id: string, series: PictureSeries, index: number): string;
  eventsUrl(id: string, after: number): string;
}

const LONGEST_LOG_PAGE = 1000;

/**
 * @example
 * const client = createClient({ baseUrl: 'http://127.0.0.1:7860' });
 * const { id } = await client.submit({ images: [photo], parameters: { prompt: 'make it gray' } });
 * for await (const { type } of client.events(id)) console.log(type);
 * const picture = await client.picture(id, 'outputs', 0);
 */
export function createClient(options: ClientOptions): Client {
  const request = createRequester(options);
  const { json, url } = request;
  const post = (body?: FormData | string): RequestInit => ({ method: 'POST', ...(body === undefined ? {} : { body }) });

  return {
    submit: ({ images, parameters, idempotencyKey }, signal, send) => {
      const body = new FormData();
      for (const [i, image] of images.entries()) body.append('image', blobOf(image), `picture-${i + 1}`);
      body.append('params', JSON.stringify(parameters));
      const headers: Record<string, string> = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
      return json('v1/jobs', readableJobSchema, { ...post(body), headers, ...signalOf(signal) }, send);
    },
    get: (id, signal) => json(jobPath(id), readableJobSchema, signalOf(signal)),
    list: ({ status, q, limit, cursor }, signal) => {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries({ limit, status, q, cursor }))
        if (value !== undefined) query.set(name, String(value));
      return json(`v1/jobs?${query}`, readableJobListSchema, signalOf(signal));
    },
    cancel: (id, signal) => json(`${jobPath(id)}/cancel`, readableJobSchema, { ...post(), ...signalOf(signal) }),
    delete: (id, signal) => request.done(jobPath(id), { method: 'DELETE', ...signalOf(signal) }),
    events: (id, { after, signal } = {}) => watchEvents(request, id, after ?? 0, signal),
    log: async (id, { after = 0, signal } = {}) => {
      const events: JobEvent[] = [];
      for (let last = after; ; ) {
        const path = `${jobPath(id)}/events?after=${last}&limit=${LONGEST_LOG_PAGE}`;
        const { data } = await json(path, readableEventListSchema, signalOf(signal));
        events.push(...data.flatMap((event) => knownEvent(event) ?? []));
        last = data.at(-1)?.seq ?? last;
        if (data.length < LONGEST_LOG_PAGE) return events;
      }
    },
    picture: (id, series, index, signal) =>
      request.call(picturePath(id, series, index), signalOf(signal), (response) => response.blob()),
    estimate: ({ images, parameters }, signal) => {
      const body = JSON.stringify({ ...parameters, ...(images === undefined ? {} : { images }) });
      const headers = { 'content-type': 'application/json' };
      return json('v1/estimate', estimateSchema, { ...post(body), headers, ...signalOf(signal) });
    },
    models: (signal) => json('v1/models', modelListSchema, signalOf(signal)),
    health: (signal) => json('health', healthSchema, signalOf(signal)),
    alive: (signal) => request.done('livez', { cache: 'no-store', ...signalOf(signal) }),
    signIn: (key) => {
      const headers = { 'content-type': 'application/json' };
      return request.done('v1/session', { ...post(JSON.stringify({ key })), headers });
    },
    signOut: () => request.done('v1/session', { method: 'DELETE' }),
    pictureUrl: (id, series, index) => url(picturePath(id, series, index)),
    thumbnailUrl: (id, series, index) => url(`${picturePath(id, series, index)}/thumbnail`),
    eventsUrl: (id, after) => url(`${jobPath(id)}/events?after=${after}`),
  };
}

export const jobPath = (id: string): string => `v1/jobs/${encodeURIComponent(id)}`;

const picturePath = (id: string, series: PictureSeries, index: number): string => `${jobPath(id)}/${series}/${index}`;

const signalOf = (signal: AbortSignal | undefined): RequestInit => (signal === undefined ? {} : { signal });

const blobOf = (image: Uint8Array | Blob): Blob => (image instanceof Blob ? image : new Blob([new Uint8Array(image)]));
