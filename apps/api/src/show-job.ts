import {
  type Caller,
  downloadText,
  type Job,
  type JobWaiting,
  type PresentableJob,
  presentJob,
} from '@qwen-edit/contract';
import { type AddressDeps, baseUrlOf } from './base-url.ts';
import type { ApiContext } from './context.ts';
import { furthestDownload, loadsWithFirstJob, toldError, troubleOf } from './model-facts.ts';
import type { LiveWorker } from './service-status.ts';
import type { Services } from './services.ts';

export type ShowDeps = AddressDeps & Pick<Services, 'status'>;

/** A job as it is read; one that was just made needs no more than the first version. */
type ShownRecord = PresentableJob & { readonly job: { readonly needsVersion?: number | undefined } };

/** Jobs as the API shows them. A queued one says why nobody begins it, if the workers tell. */
export async function showJobs(
  c: ApiContext,
  deps: ShowDeps,
  records: readonly ShownRecord[],
  caller: Caller,
): Promise<Job[]> {
  const baseUrl = baseUrlOf(c, deps);
  const asks = records.some(({ job }) => job.status === 'queued');
  const workers = asks ? await deps.status.workers() : undefined;
  const tellsWhy = caller.scopes.includes('admin');
  return records.map((record) => {
    const waiting = workers === undefined ? undefined : waitingReason(workers, record.job.needsVersion ?? 1, tellsWhy);
    return presentJob({ ...record, waiting }, baseUrl);
  });
}

/** One job: see showJobs. */
export async function showJob(c: ApiContext, deps: ShowDeps, record: ShownRecord, caller: Caller): Promise<Job> {
  const [job] = await showJobs(c, deps, [record], caller);
  return job ?? presentJob(record, baseUrlOf(c, deps));
}

/** Why nobody begins a queued job; undefined if it only waits for its turn. */
function waitingReason(
  workers: readonly LiveWorker[],
  needsVersion: number,
  tellsWhy: boolean,
): JobWaiting | undefined {
  if (workers.length === 0)
    return {
      code: 'no_worker',
      message: 'No worker is running. The job starts as soon as one does.',
      last_error: null,
    };
  const able = workers.filter(({ contractVersion }) => contractVersion >= needsVersion);
  if (able.length === 0)
    return {
      code: 'newer_worker_needed',
      message: 'What was asked for needs a worker of a later version. The job starts as soon as one runs.',
      last_error: null,
    };
  if (able.some(({ ready }) => ready)) return undefined;
  const download = furthestDownload(able);
  if (download !== null)
    return {
      code: 'model_downloading',
      message: `The model is being downloaded: ${downloadText(download)}. The job starts as soon as it is ready.`,
      last_error: null,
    };
  if (loadsWithFirstJob(able))
    return {
      code: 'worker_not_ready',
      message: 'The model is loaded with the first job, which starts as soon as it is ready.',
      last_error: null,
    };
  const trouble = troubleOf(able);
  const message =
    trouble === null
      ? 'The model is being loaded. The job starts as soon as it is ready.'
      : 'No worker is ready. The job starts as soon as what is wrong is mended.';
  return { code: 'worker_not_ready', message, last_error: toldError(trouble, tellsWhy) };
}
