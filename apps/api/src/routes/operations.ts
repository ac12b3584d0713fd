import type { Hono } from 'hono';
import type { ApiEnv } from '../context.ts';
import { currentModel } from '../model-facts.ts';
import { problemResponse } from '../problem.ts';
import { route } from '../routing.ts';
import type { LiveWorker } from '../service-status.ts';
import type { Services } from '../services.ts';

/** What machines and people ask about the service itself. Open to all: it tells of no job. */
export function operationRoutes(app: Hono<ApiEnv>, services: Services): void {
  const { metrics, options, status } = services;
  route(app, '/health', {
    GET: async (c) => {
      const [workers = [], counts] = await Promise.all([status.workers(), status.counts()]);
      const queued = counts?.queued ?? 0;
      return c.json({
        version: options.version,
        model: currentModel(workers)?.name ?? null,
        workers: workers.map((worker) => presentWorker(worker, queued)),
      });
    },
  });
  route(app, '/livez', { GET: (c) => c.json({ status: 'live' }) });
  route(app, '/readyz', {
    GET: async (c) => {
      const obstacle = await status.obstacle();
      return obstacle === undefined ? c.json({ status: 'ready' }) : problemResponse(obstacle, c.get('requestId'));
    },
  });
  route(app, '/metrics', {
    GET: async (c) => {
      await measureQueue(services);
      return c.body(await metrics.registry.metrics(), 200, { 'Content-Type': metrics.registry.contentType });
    },
  });
}

/** As the guide names it. All workers share one queue, so that each has all of it before it. */
function presentWorker({ gpuId, ready, lastError, uptimeSeconds }: LiveWorker, queued: number) {
  return { gpu_id: gpuId, ready, queue_len: queued, last_error: lastError, uptime_s: Math.round(uptimeSeconds) };
}

/** Without the database there are no figures, rather than old ones. */
async function measureQueue({ metrics, status }: Services): Promise<void> {
  const [workers, counts] = await Promise.all([status.workers(), status.counts()]);
  metrics.queueDepth.reset();
  metrics.queueAgeSeconds.reset();
  metrics.workers.reset();
  if (workers !== undefined) {
    const ready = workers.filter((worker) => worker.ready).length;
    metrics.workers.set({ ready: 'true' }, ready);
    metrics.workers.set({ ready: 'false' }, workers.length - ready);
  }
  if (counts === undefined) return;
  metrics.queueDepth.set({ status: 'queued' }, counts.queued);
  metrics.queueDepth.set({ status: 'running' }, counts.running);
  metrics.queueAgeSeconds.set(counts.oldestQueuedSeconds);
}
