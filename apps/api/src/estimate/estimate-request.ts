import {
  AppError,
  costOf,
  type EditParameters,
  type Estimate,
  type ModelEstimate,
  type Size,
  type SomeParameters,
  toAppError,
} from '@qwen-edit/contract';
import { currentModel, groupByPrecision, type ModelGroup, type ReportedFacts } from '../model-facts.ts';
import type { ServiceStatus } from '../service-status.ts';
import type { Services } from '../services.ts';
import { requireOffered } from '../submit/require-offered.ts';
import { pastEditsOf } from './past-edits.ts';

export interface EstimateDeps extends Pick<Services, 'planner'> {
  readonly status: Pick<ServiceStatus, 'workers' | 'queueWait' | 'finishedEdits'>;
}

const NO_WORKER = 'No worker is running, so that nothing is known of its model.';

/**
 * What each model of live workers needs and takes for an edit. Throws AppError `invalid_parameter` or `image_ratio` if one of them does
 * not make its size, and what requireOffered throws.
 */
export async function estimateRequest(
  { planner, status }: EstimateDeps,
  pictures: readonly Size[],
  parameters: SomeParameters,
): Promise<Estimate> {
  const [workers, queue, finished = []] = await Promise.all([
    status.workers(),
    status.queueWait(),
    status.finishedEdits(),
  ]);
  if (workers === undefined) throw new AppError('database_unavailable', 'The workers cannot be asked for now.');
  requireOffered(parameters, currentModel(workers));
  const models = groupByPrecision(workers).map((group): ModelEstimate => {
    const facts = leastOf(group);
    const estimate = planner.estimateEdit(
      facts,
      pictures,
      costOf(parameters),
      pastEditsOf(facts, finished, parameters),
    );
    return {
      id: facts.name,
      digest: facts.digest ?? null,
      ready: group.workers.some(({ ready }) => ready),
      workers: group.workers.length,
      ...estimate,
    };
  });
  return {
    object: 'estimate',
    models: models.toSorted((a, b) => Number(b.ready) - Number(a.ready)),
    queue: { waiting: queue?.waiting ?? 0, wait_seconds: queue?.seconds ?? null },
    warnings: models.length === 0 ? [NO_WORKER] : [],
  };
}

/** The facts of a model with the least memory and threads that one of its workers has: any of them may take the job. */
export function leastOf({ facts, machines }: Pick<ModelGroup, 'facts' | 'machines'>): ReportedFacts {
  if (machines.length === 0) return facts;
  return {
    ...facts,
    machine: {
      memory_bytes: Math.min(...machines.map(({ memory_bytes }) => memory_bytes)),
      threads: Math.min(...machines.map(({ threads }) => threads)),
    },
  };
}

/** What the caller of an edit should know before it is begun, as far as it is known: see slowEditWarning. */
export async function warningsBefore(
  { planner, status }: Pick<EstimateDeps, 'planner'> & { readonly status: Pick<ServiceStatus, 'finishedEdits'> },
  model: ReportedFacts | undefined,
  pictures: readonly Size[],
  parameters: EditParameters,
): Promise<readonly string[]> {
  if (model?.shape === undefined) return [];
  const past = pastEditsOf(model, (await status.finishedEdits()) ?? [], parameters);
  try {
    return planner.estimateEdit(model, pictures, costOf(parameters), past).warnings;
  } catch (thrown) {
    // Whether the edit is refused is decided elsewhere.
    if (toAppError(thrown).code === 'internal') throw thrown;
    return [];
  }
}
