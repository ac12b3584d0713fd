import {
  AppError,
  isErrorCode,
  isTerminalEvent,
  type Job,
  type JobEvent,
  progressDataSchema,
} from '@qwen-edit/contract';
import { progressBarFor } from '../terminal.ts';
import type { ServiceDeps } from './service-command.ts';

/** Shows the job's progress until its end, and passes each event to `onEvent`. Returns the final job; throws the job's error if it did not succeed. */
export async function watchJob(deps: ServiceDeps, id: string, onEvent?: (event: JobEvent) => void): Promise<Job> {
  const bar = progressBarFor(deps);
  try {
    for await (const event of deps.client.events(id, { signal: deps.signal })) {
      onEvent?.(event);
      const progress = event.type === 'job.progress' ? progressDataSchema.safeParse(event.data) : undefined;
      if (progress?.success === true) bar.onStep(progress.data);
      if (isTerminalEvent(event.type)) break;
    }
  } finally {
    bar.end();
  }
  const job = await deps.client.get(id, deps.signal);
  if (job.status !== 'succeeded') throw errorOf(job);
  return job;
}

function errorOf({ status, error }: Job): AppError {
  if (status === 'canceled') return new AppError('canceled', 'The job was cancelled.');
  const code = error !== null && isErrorCode(error.code) ? error.code : 'internal';
  return new AppError(code, error?.message ?? `The job ended ${status}.`, error === null ? {} : { hint: error.hint });
}
