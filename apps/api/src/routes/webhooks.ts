import { AppError } from '@qwen-edit/contract';
import { type DeliveryRow, listDeliveries, redeliver } from '@qwen-edit/db';
import type { Hono } from 'hono';
import type { ApiEnv } from '../context.ts';
import { deliveryIdOf, jobIdOf } from '../ids.ts';
import { route } from '../routing.ts';
import type { Services } from '../services.ts';
import { findJob } from './jobs.ts';

/** What was told to a job's receiver, and telling it again. */
export function webhookRoutes(app: Hono<ApiEnv>, services: Services): void {
  const { database, gate } = services;
  route(app, '/v1/jobs/:id/webhooks', {
    GET: async (c) => {
      const { owner } = await gate.admit(c, 'read');
      const { job } = await findJob(services, owner, jobIdOf(c));
      const deliveries = await listDeliveries(database.db, { owner, jobId: job.id });
      return c.json({ data: deliveries.map(presentDelivery) });
    },
  });
  route(app, '/v1/webhook-deliveries/:id/redeliver', {
    POST: async (c) => {
      const { owner } = await gate.admit(c, 'submit');
      const id = deliveryIdOf(c);
      if (!(await redeliver(database.db, { owner, id }))) {
        throw new AppError('not_found', 'There is no delivery of this id.');
      }
      return c.json({ id, status: 'pending' }, 202);
    },
  });
}

function presentDelivery(row: DeliveryRow): Record<string, unknown> {
  return {
    id: row.id,
    job_id: row.jobId,
    event_id: `${row.jobId}:${row.eventSeq}`,
    event_type: row.eventType,
    url: row.url,
    status: row.status,
    attempts: row.attempt,
    next_attempt_at: row.status === 'pending' ? row.nextAttemptAt.toISOString() : null,
    log: row.log,
    created_at: row.createdAt.toISOString(),
    completed_at: row.completedAt?.toISOString() ?? null,
  };
}
