import {
  AppError,
  isErrorCode,
  type Job,
  type JobEvent,
  type JobList,
  jobListSchema,
  jobSchema,
  modelListSchema,
  problemSchema,
  type ServedModel,
} from '@qwen-edit/contract';
import { watchEvents } from './events.ts';

export interface ClientOptions {
  /** Address of the service, as http://127.0.0.1:7860. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly fetch?: typeof fetch;
}

export interface Submission {
  /** Encoded pictures as they were read from disk. */
  readonly images: readonly Uint8Array[];
  /** Parameters of the edit and options of the job, by the names of POST /v1/jobs. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string;
}

/** The API of a service, typed. Every call rejects with the AppError that the service names. */
export interface Client {
  submit(submission: Submission, signal?: AbortSignal): Promise<Job>;
  get(id: string, signal?: AbortSignal): Promise<Job>;
  /** Newest first. `status` may be several with commas between; `q` is a part of the prompt, or the id of a job. */
  list(
    filter: { status?: string; q?: string; limit?: number; cursor?: string },
    signal?: AbortSignal,
  ): Promise<JobList>;
  /** Asks the job to stop; asking a final one changes nothing. */
  cancel(id: string, signal?: AbortSignal): Promise<Job>;
  delete(id: string, signal?: AbortSignal): Promise<void>;
  /** Events from the first (or after `after`) to the final one; a stream that breaks is taken up where it was. */
  events(id: string, options?: { after?: number; signal?: AbortSignal }): AsyncIterable<JobEvent>;
  /** Bytes of a picture that the job was given. */
  input(id: string, index: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** Bytes of a result. */
  output(id: string, index: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** What live workers have loaded, and which edits it says it knows. */
  models(signal?: AbortSignal): Promise<readonly ServedModel[]>;
}

export type Request = (path: string, init?: RequestInit) => Promise<Response>;

export function createClient(options: ClientOptions): Client {
  const doFetch = options.fetch ?? fetch;
  const request: Request = async (path, init = {}) => {
    const headers = new Headers(init.headers);
    if (options.apiKey !== undefined) headers.set('authorization', `Bearer ${options.apiKey}`);
    const response = await doFetch(new URL(path, options.baseUrl), { ...init, headers }).catch((cause: unknown) => {
      throw unreachable(cause, options.baseUrl, init.signal ?? undefined);
    });
    if (!response.ok) throw await errorOf(response);
    return response;
  };
  const job = async (path: string, init?: RequestInit): Promise<Job> =>
    jobSchema.parse(await (await request(path, init)).json());
  const bytes = async (path: string, init: RequestInit): Promise<Uint8Array> =>
    new Uint8Array(await (await request(path, init)).arrayBuffer());
  const signalOf = (signal: AbortSignal | undefined): RequestInit => (signal === undefined ? {} : { signal });

  return {
    submit: ({ images, parameters, idempotencyKey }, signal) => {
      const body = new FormData();
      for (const [i, bytes] of images.entries())
        body.append('image', new Blob([new Uint8Array(bytes)]), `picture-${i + 1}`);
      body.append('params', JSON.stringify(parameters));
      const headers: Record<string, string> = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
      return job('/v1/jobs', { method: 'POST', body, headers, ...signalOf(signal) });
    },
    get: (id, signal) => job(pathOf(id), signalOf(signal)),
    list: async (filter, signal) => {
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(filter)) query.set(name, String(value));
      return jobListSchema.parse(await (await request(`/v1/jobs?${query}`, signalOf(signal))).json());
    },
    cancel: (id, signal) => job(`${pathOf(id)}/cancel`, { method: 'POST', ...signalOf(signal) }),
    delete: async (id, signal) => {
      await request(pathOf(id), { method: 'DELETE', ...signalOf(signal) });
    },
    events: (id, { after, signal } = {}) => watchEvents(request, id, after ?? 0, signal),
    input: (id, index, signal) => bytes(`${pathOf(id)}/inputs/${index}`, signalOf(signal)),
    output: (id, index, signal) => bytes(`${pathOf(id)}/outputs/${index}`, signalOf(signal)),
    models: async (signal) => modelListSchema.parse(await (await request('/v1/models', signalOf(signal))).json()).data,
  };
}

export const pathOf = (id: string): string => `/v1/jobs/${encodeURIComponent(id)}`;

async function errorOf(response: Response): Promise<AppError> {
  const problem = problemSchema.safeParse(await response.json().catch(() => undefined));
  if (!problem.success)
    return new AppError('service_unreachable', `The service answered ${response.status} without saying why.`);
  const { code, detail, hint } = problem.data;
  return new AppError(isErrorCode(code) ? code : 'internal', detail, { hint });
}

function unreachable(cause: unknown, baseUrl: string, signal: AbortSignal | undefined): AppError {
  if (signal?.aborted === true) return new AppError('canceled', 'The call was cancelled.', { cause });
  return new AppError('service_unreachable', `No service answers at ${baseUrl}.`, { cause });
}
