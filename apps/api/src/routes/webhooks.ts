import { AppError } from '@qwen-edit/contract';
import { type DeliveryRow, listDeliveries, redeliver } from '@qwen-edit/db';
import { z } from 'zod';
import { findJob } from '../find-job.ts';
import { jobParamsSchema } from '../routing/path-params.ts';
import { ANY_QUERY, type ApiRoute, defineRoute, jsonAnswer } from '../routing/route.ts';
import type { Services } from '../services.ts';
import { untilKnown } from '../until-known.ts';

const DELIVERY_NOT_FOUND = 'There is no delivery of this id.';
const deliveryParamsSchema = z.object({ id: z.string().regex(/^msg_[0-9a-f]{32}$/, DELIVERY_NOT_FOUND) });

const deliverySchema = z.object({
  id: z.string(),
  job_id: z.string(),
  event_id: z.string(),
  event_type: z.string(),
  url: z.string(),
  status: z.string(),
  attempts: z.int(),
  next_attempt_at: z.string().nullable(),
  log: z.array(z.unknown()),
  created_at: z.string(),
  completed_at: z.string().nullable(),
});
const redeliverySchema = z.object({ id: z.string(), status: z.literal('pending') });

/** The webhooks of a job: what was sent to its receiver, and sending it again. */
export function webhookRoutes(deps: Pick<Services, 'database' | 'limits'>): readonly ApiRoute[] {
  const { database, limits } = deps;
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/jobs/:id/webhooks',
      scope: 'read',
      summary: 'Lists the webhook deliveries of a job',
      params: jobParamsSchema,
      query: ANY_QUERY,
      answers: { 200: jsonAnswer(z.object({ data: z.array(deliverySchema) }), 'The deliveries') },
      async handler({ c, caller: { owner }, params: { id } }) {
        const { job } = await findJob(deps, owner, id);
        const deliveries = await listDeliveries(database.db, { owner, jobId: job.id });
        return c.json({ data: deliveries.map(presentDelivery) });
      },
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/webhook-deliveries/:id/redeliver',
      scope: 'submit',
      summary: 'Sends a webhook again',
      params: deliveryParamsSchema,
      query: ANY_QUERY,
      answers: { 202: jsonAnswer(redeliverySchema, 'The webhook will be sent again') },
      async handler({ c, caller: { owner }, params: { id } }) {
        const found = await untilKnown(limits, () => redeliver(database.db, { owner, id }));
        if (!found) throw new AppError('not_found', DELIVERY_NOT_FOUND);
        return c.json({ id, status: 'pending' }, 202);
      },
    }),
  ];
}

function presentDelivery(row: DeliveryRow): z.output<typeof deliverySchema> {
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
