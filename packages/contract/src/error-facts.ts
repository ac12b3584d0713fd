/**
 * Where an error comes from, and so who pays for it when it ends an attempt of a job. `request`: what was asked for, wherever it
 * runs. `engine`: the edit or the device it ran on; only another edit tells which. `surroundings`: storage, database, queue,
 * disk, model folder, a device that fails its self-test or cannot be used; never the job's fault. `service`: the state of the service, or of the job itself.
 */
type ErrorOrigin = 'request' | 'engine' | 'surroundings' | 'service';

/** What a caller needs to know about an error besides its message. */
export interface ErrorFacts {
  readonly origin: ErrorOrigin;
  /** HTTP status that an API answers with. */
  readonly status: number;
  /** True when the same request may succeed later without a change. */
  readonly retryable: boolean;
  readonly title: string;
  /** What to do next. Whoever runs the service or the command reads it: it may name settings, folders and logs. */
  readonly hint: string;
  /** What a caller of the API is told to do, if `hint` is for whoever runs the service. */
  readonly callerHint?: string;
}

const factsOf =
  (origin: ErrorOrigin) =>
  (status: number, retryable: boolean, title: string, hint: string, callerHint?: string): ErrorFacts => ({
    ...{ origin, status, retryable, title, hint },
    ...(callerHint === undefined ? {} : { callerHint }),
  });
export const ofRequest = factsOf('request');
export const ofEngine = factsOf('engine');
export const ofSurroundings = factsOf('surroundings');
export const ofService = factsOf('service');

export const TELL = 'Tell whoever runs the service.';
export const LATER = 'Try again soon; if it stays, tell whoever runs the service.';
