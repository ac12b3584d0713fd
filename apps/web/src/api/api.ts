import {
  type Job,
  type JobEvent,
  type JobList,
  jobEventSchema,
  jobListSchema,
  jobSchema,
  type ModelList,
  modelListSchema,
} from '@qwen-edit/contract';
import { z } from 'zod';
import { type Answer, gave } from './answer.ts';
import { type Health, healthSchema } from './health.ts';
import type { Requester } from './request.ts';

export interface Submission {
  readonly pictures: readonly Blob[];
  readonly parameters: Readonly<Record<string, unknown>>;
  /** The same for every try at the same submission: however often it arrives, one job is made. */
  readonly idempotencyKey: string;
}

export interface ListFilter {
  readonly status: readonly string[];
  readonly query: string;
  readonly cursor: string | undefined;
  readonly limit: number;
}

export type PictureSource = 'inputs' | 'outputs';

/** The service, as the page uses it. */
export interface Api {
  submit(
    submission: Submission,
    onProgress: (sent: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<Answer<Job>>;
  job(id: string, signal?: AbortSignal): Promise<Answer<Job>>;
  jobs(filter: ListFilter, signal?: AbortSignal): Promise<Answer<JobList>>;
  events(id: string, after: number, signal?: AbortSignal): Promise<Answer<readonly JobEvent[]>>;
  cancel(id: string): Promise<Answer<Job>>;
  remove(id: string): Promise<Answer<undefined>>;
  models(): Promise<Answer<ModelList>>;
  health(): Promise<Answer<Health>>;
  /** Whether anybody answers. */
  alive(): Promise<Answer<undefined>>;
  signIn(key: string): Promise<Answer<undefined>>;
  signOut(): Promise<Answer<undefined>>;
  picture(id: string, source: PictureSource, index: number, signal?: AbortSignal): Promise<Answer<Blob>>;
  pictureUrl(id: string, source: PictureSource, index: number): string;
  thumbnailUrl(id: string, source: PictureSource, index: number): string;
  eventsUrl(id: string, after: number): string;
  /** Where the service is reached, without a slash at the end. */
  readonly baseUrl: string;
}

const eventListSchema = z.object({ data: z.array(jobEventSchema) });
const LONGEST_LOG_PAGE = 1000;

export function createApi(request: Requester): Api {
  const jobPath = (id: string): string => `v1/jobs/${encodeURIComponent(id)}`;
  const picturePath = (id: string, source: PictureSource, index: number): string => `${jobPath(id)}/${source}/${index}`;
  const signalOf = (signal: AbortSignal | undefined): RequestInit => (signal === undefined ? {} : { signal });

  return {
    submit({ pictures, parameters, idempotencyKey }, onProgress, signal) {
      const body = new FormData();
      for (const [i, picture] of pictures.entries()) body.append('image', picture, `picture-${i + 1}`);
      body.append('params', JSON.stringify(parameters));
      const headers = { 'Idempotency-Key': idempotencyKey, Accept: 'application/json' };
      return request.upload('v1/jobs', jobSchema, { body, headers, onProgress, signal });
    },
    job: (id, signal) => request.json(jobPath(id), jobSchema, signalOf(signal)),
    jobs: ({ status, query, cursor, limit }, signal) => {
      const search = new URLSearchParams({ limit: String(limit) });
      if (status.length > 0) search.set('status', status.join(','));
      if (query !== '') search.set('q', query);
      if (cursor !== undefined) search.set('cursor', cursor);
      return request.json(`v1/jobs?${search}`, jobListSchema, signalOf(signal));
    },
    events: async (id, after, signal) => {
      const events: JobEvent[] = [];
      for (;;) {
        const behind = events.at(-1)?.seq ?? after;
        const path = `${jobPath(id)}/events?after=${behind}&limit=${LONGEST_LOG_PAGE}`;
        const answer = await request.json(path, eventListSchema, signalOf(signal));
        if (!answer.ok) return answer;
        events.push(...answer.value.data);
        if (answer.value.data.length < LONGEST_LOG_PAGE) return gave(events);
      }
    },
    cancel: (id) => request.json(`${jobPath(id)}/cancel`, jobSchema, { method: 'POST' }),
    remove: (id) => request.done(jobPath(id), { method: 'DELETE' }),
    models: () => request.json('v1/models', modelListSchema),
    health: () => request.json('health', healthSchema),
    alive: () => request.done('livez', { cache: 'no-store' }),
    signIn: (key) =>
      request.done('v1/session', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ key }),
      }),
    signOut: () => request.done('v1/session', { method: 'DELETE' }),
    picture: (id, source, index, signal) => request.blob(picturePath(id, source, index), signal),
    pictureUrl: (id, source, index) => request.url(picturePath(id, source, index)),
    thumbnailUrl: (id, source, index) => request.url(`${picturePath(id, source, index)}/thumbnail`),
    eventsUrl: (id, after) => request.url(`${jobPath(id)}/events?after=${after}`),
    baseUrl: request.url('.').replace(/\/$/, ''),
  };
}
