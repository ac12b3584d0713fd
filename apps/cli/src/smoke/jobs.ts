import { pause, timeLimit } from '@qwen-edit/async';
import type { Client, EditSubmission } from '@qwen-edit/client';
import { AppError, type ErrorCode, isErrorCode, isTerminal, type Job, toAppError } from '@qwen-edit/contract';

/** The jobs that the checks make. Each has the run's mark in its metadata, by which it is found again to be deleted. */
export interface SmokeJobs {
  /** What marks the jobs of this run, for submissions that are made by hand. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Submits, and submits again while the queue is full. */
  submit(submission: EditSubmission): Promise<Job>;
  /** Calls again and again while the service says that its queue is full. */
  whenThereIsRoom<T>(call: () => Promise<T>): Promise<T>;
  /** Waits for the end. Throws AppError if it does not come in time, with what the job waits for. */
  untilEnded(id: string): Promise<Job>;
  /** Waits for the end, and throws the error of a job that did not succeed. */
  untilSucceeded(id: string): Promise<Job>;
  /** Waits until `holds`. Throws AppError as `untilEnded` does. */
  until(id: string, holds: (job: Job) => boolean): Promise<Job>;
  /** Asks a job to stop that is of no more use. What comes of it is no check's matter. */
  release(id: string): Promise<void>;
  /** Deletes the jobs of this run, however far they are. Returns how many are gone, and why others are not. */
  deleteAll(signal: AbortSignal): Promise<{ readonly deleted: number; readonly left: readonly string[] }>;
}

export interface SmokeJobsDeps {
  readonly client: Client;
  /** The mark of this run. */
  readonly run: string;
  readonly timeoutMs: number;
  readonly pollMs: number;
  readonly now: () => number;
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

const MARK = 'smoke';
const NO_ROOM: ReadonlySet<ErrorCode> = new Set(['queue_full', 'not_ready']);
const HINTS: Readonly<Record<string, string>> = {
  no_worker: 'Start `qwen-edit worker` with the same database, or look at why its scaler starts none.',
  model_downloading: 'Wait for the download with a longer --timeout.',
  worker_not_ready: 'Look at the log of the worker; `qwen-edit doctor` on its machine says most causes.',
  newer_worker_needed: 'Upgrade the workers to the version of the API.',
};

export function createSmokeJobs(deps: SmokeJobsDeps): SmokeJobs {
  const { client, run, timeoutMs, pollMs, now, note, signal } = deps;
  const metadata = { [MARK]: run };
  const made = new Set<string>();

  async function whenThereIsRoom<T>(call: () => Promise<T>): Promise<T> {
    for (const end = now() + timeoutMs; ; ) {
      try {
        return await call();
      } catch (thrown) {
        const error = toAppError(thrown);
        if (!NO_ROOM.has(error.code) || now() >= end) throw error;
        note(`waiting: ${error.message}`);
        await waitFor((error.retryAfterSeconds ?? 1) * 1000);
      }
    }
  }

  async function waitFor(ms: number): Promise<void> {
    await pause(ms, signal);
    if (signal.aborted) throw new AppError('canceled', 'The checks were stopped.');
  }

  async function until(id: string, holds: (job: Job) => boolean): Promise<Job> {
    for (const end = now() + timeoutMs; ; ) {
      const job = await client.get(id, signal);
      if (holds(job)) return job;
      if (now() >= end) throw tooLate(job, timeoutMs / 1000);
      const { waiting, queue_position } = job.progress;
      if (waiting !== null) note(`waiting: ${[waiting.message, waiting.last_error].filter(Boolean).join(' ')}`);
      else if (job.status === 'queued' && (queue_position ?? 0) > 0) note('waiting: other jobs come first.');
      await waitFor(pollMs);
    }
  }

  const untilEnded = (id: string): Promise<Job> => until(id, ({ status }) => isTerminal(status));

  async function deleteOne(id: string, stop: AbortSignal): Promise<string | undefined> {
    for (;;) {
      const error = await client.delete(id, stop).then(() => undefined, toAppError);
      if (error === undefined || error.code === 'not_found') return undefined;
      if (error.code !== 'job_state' || stop.aborted) return `${id}: ${error.message}`;
      const asked = await client.cancel(id, stop).then(() => undefined, toAppError);
      if (asked !== undefined && asked.code !== 'not_found') return `${id}: ${asked.message}`;
      await pause(pollMs, stop);
    }
  }

  /** Jobs of this run, also those whose submission had no answer. */
  async function marked(stop: AbortSignal): Promise<readonly string[]> {
    const { data } = await client.list({ limit: 100 }, stop);
    return data.filter((job) => job.metadata[MARK] === run).map(({ id }) => id);
  }

  return {
    metadata,
    whenThereIsRoom,
    until,
    untilEnded,
    async submit({ parameters, ...more }) {
      const job = await whenThereIsRoom(() =>
        client.submit({ ...more, parameters: { ...parameters, metadata } }, signal),
      );
      made.add(job.id);
      return job;
    },
    async untilSucceeded(id) {
      const job = await untilEnded(id);
      if (job.status === 'succeeded') return job;
      const code = job.error !== null && isErrorCode(job.error.code) ? job.error.code : 'internal';
      throw new AppError(code, `The edit has ${job.status}: ${job.error?.message ?? 'it does not say why.'}`, {
        hint: `${job.error?.hint ?? ''} The log of the worker says more, at ${id}.`.trim(),
      });
    },
    async release(id) {
      await client.cancel(id, signal).catch(() => undefined);
    },
    async deleteAll(stop) {
      const found = await timeLimit(marked, { ms: timeoutMs, signal: stop, late: 'service_unreachable' }).catch(
        () => [],
      );
      const ids = new Set([...made, ...found]);
      const left: string[] = [];
      for (const id of ids) {
        const why = await deleteOne(id, stop);
        if (why !== undefined) left.push(why);
      }
      return { deleted: ids.size - left.length, left };
    },
  };
}

function tooLate({ id, status, progress }: Job, seconds: number): AppError {
  const { waiting, stage, step, total, queue_position } = progress;
  if (waiting !== null) {
    const why = [waiting.message, waiting.last_error].filter((text) => text !== null).join(' ');
    return new AppError('expired', `In ${seconds} s nobody has begun the edit ${id}. ${why}`, {
      hint: HINTS[waiting.code] ?? 'Look at the logs of the workers, or wait longer with --timeout.',
    });
  }
  if (status === 'queued')
    return new AppError(
      'expired',
      `In ${seconds} s nobody has begun the edit ${id}: ${queue_position ?? 0} jobs come before it.`,
      {
        hint: 'Wait longer with --timeout, or start more workers.',
      },
    );
  const where = stage === null ? '' : `: ${stage} ${step ?? 0}/${total ?? 0}`;
  return new AppError('expired', `In ${seconds} s the edit ${id} has not ended${where}.`, {
    hint: 'Wait longer with --timeout. If it stands still, look at the log of the worker.',
  });
}
