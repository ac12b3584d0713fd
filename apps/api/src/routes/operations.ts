import { timeLimit } from '@qwen-edit/async';
import { type AppError, modelDownloadSchema } from '@qwen-edit/contract';
import { z } from 'zod';
import type { ApiContext } from '../context.ts';
import type { ApiOptions } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import { currentModel, downloadOf, isAsleep, modelStatus, toldError } from '../model-facts.ts';
import { problemResponse } from '../problem.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, jsonAnswer, NO_PARAMS } from '../routing/route.ts';
import type { LiveWorker } from '../service-status.ts';
import type { Services } from '../services.ts';

/** As the guide names it. All workers share one queue, so that each one has the whole queue before it. */
const workerHealthSchema = z.object({
  gpu_id: z.int().nullable(),
  device: z.string(),
  ready: z.boolean(),
  queue_len: z.int(),
  last_error: z.string().nullable(),
  loads_with_first_job: z.boolean(),
  download: modelDownloadSchema.nullable(),
  uptime_s: z.int(),
});
const serviceHealthSchema = z.object({
  version: z.string(),
  model: z.string().nullable(),
  model_status: z.enum(['ready', 'unloaded', 'loading', 'failed']).nullable(),
  workers: z.array(workerHealthSchema),
});
const liveSchema = z.object({ status: z.literal('live') });
const readySchema = z.object({ status: z.literal('ready') });

interface OperationDeps extends Pick<Services, 'gate' | 'limits' | 'log' | 'metrics' | 'status'> {
  readonly options: Pick<ApiOptions, 'version'>;
}

/** What machines and people ask about the service itself. They are open to all: no answer tells anything of a job. */
export function operationRoutes(deps: OperationDeps): readonly ApiRoute[] {
  const { log, metrics, options, status } = deps;
  let told: string | undefined;
  /** Callers get the obstacle in words for callers, and machines ask all the time: each one is logged once. */
  function logOnce(obstacle: AppError | undefined): void {
    if (obstacle !== undefined && obstacle.message !== told) {
      log.warn({ code: obstacle.code, errors: describeError(obstacle) }, 'the service is not ready');
    }
    told = obstacle?.message;
  }
  const open = { method: 'GET', scope: 'open', params: NO_PARAMS, query: ANY_QUERY, quiet: true } as const;
  return [
    defineRoute({
      ...open,
      path: '/health',
      summary: 'The workers, as the guide shows them',
      answers: { 200: jsonAnswer(serviceHealthSchema, 'The workers') },
      async handler({ c }) {
        const [workers = [], counts] = await Promise.all([status.workers(), status.counts()]);
        const queued = counts?.queued ?? 0;
        const troubled = workers.some(({ lastError }) => lastError !== null);
        const tellsWhy = troubled && (await runsTheService(c, deps));
        const health: z.output<typeof serviceHealthSchema> = {
          version: options.version,
          model: currentModel(workers)?.name ?? null,
          model_status: modelStatus(workers),
          workers: workers.map((worker) => presentWorker(worker, queued, tellsWhy)),
        };
        return c.json(health);
      },
    }),
    defineRoute({
      ...open,
      path: '/livez',
      summary: 'Whether the process runs',
      answers: { 200: jsonAnswer(liveSchema, 'It runs') },
      handler: ({ c }) => c.json({ status: 'live' }),
    }),
    defineRoute({
      ...open,
      path: '/readyz',
      summary: 'Whether the service can work',
      answers: { 200: jsonAnswer(readySchema, 'It can') },
      async handler({ c }) {
        const obstacle = await status.obstacle();
        logOnce(obstacle);
        return obstacle === undefined ? c.json({ status: 'ready' }) : problemResponse(obstacle, c.get('requestId'));
      },
    }),
    defineRoute({
      ...open,
      path: '/metrics',
      summary: 'Metrics for Prometheus',
      answers: { 200: { description: 'The metrics', content: { 'text/plain': z.string() } } },
      async handler({ c }) {
        const [owners] = await Promise.all([runsTheService(c, deps), measureQueue({ metrics, status })]);
        const text = await metrics.scrape({ owners });
        return c.body(text, 200, { 'Content-Type': metrics.contentType });
      },
    }),
  ];
}

function presentWorker(worker: LiveWorker, queued: number, tellsWhy: boolean): z.output<typeof workerHealthSchema> {
  const { gpuId, device, ready, lastError, uptimeSeconds } = worker;
  return {
    gpu_id: gpuId,
    device,
    ready,
    queue_len: queued,
    last_error: toldError(lastError, tellsWhy),
    loads_with_first_job: isAsleep(worker),
    download: downloadOf(worker),
    uptime_s: Math.round(uptimeSeconds),
  };
}

/** True for a caller with the scope admin, as everyone on this machine has while no keys are in use. Never rejects. */
async function runsTheService(c: ApiContext, { gate, limits }: Pick<Services, 'gate' | 'limits'>): Promise<boolean> {
  const admit = () => gate.admit(c, 'admin');
  return timeLimit(admit, { ms: limits.statusTimeoutMs, late: 'not_ready' }).then(
    () => true,
    () => false,
  );
}

/** While the database cannot be asked there are no figures, rather than old ones. */
async function measureQueue({ metrics, status }: Pick<Services, 'metrics' | 'status'>): Promise<void> {
  const [workers, counts] = await Promise.all([status.workers(), status.counts()]);
  metrics.queueDepth.reset();
  metrics.queueAgeSeconds.reset();
  metrics.workers.reset();
  metrics.workerReady.reset();
  if (workers !== undefined) {
    const ready = workers.filter((worker) => worker.ready || isAsleep(worker)).length;
    metrics.workers.set({ ready: 'true' }, ready);
    metrics.workers.set({ ready: 'false' }, workers.length - ready);
    for (const { id, device, gpuId, ready: isReady } of workers)
      metrics.workerReady.set({ worker: id, device, gpu_id: gpuId === null ? '' : String(gpuId) }, Number(isReady));
  }
  if (counts === undefined) return;
  metrics.queueDepth.set({ status: 'queued' }, counts.queued);
  metrics.queueDepth.set({ status: 'running' }, counts.running);
  metrics.queueAgeSeconds.set(counts.oldestQueuedSeconds);
}
