import type { Db } from '../connection/db.ts';
import { and, asc, eq, sql } from '../drizzle.ts';
import { jobs, webhookDeliveries } from '../schema.ts';

export type DeliveryRow = typeof webhookDeliveries.$inferSelect;

/** Deliveries of a job, in the order of its events; none if the owner has no such job. */
export async function listDeliveries(
  db: Db,
  { owner, jobId }: { readonly owner: string; readonly jobId: string },
): Promise<DeliveryRow[]> {
  const rows = await db
    .select({ delivery: webhookDeliveries })
    .from(webhookDeliveries)
    .innerJoin(jobs, eq(jobs.id, webhookDeliveries.jobId))
    .where(and(eq(jobs.owner, owner), eq(jobs.id, jobId)))
    .orderBy(asc(webhookDeliveries.eventSeq));
  return rows.map(({ delivery }) => delivery);
}

/** Starts a delivery again from its first attempt, with the same webhook-id. Returns false if the owner has none with this id. */
export async function redeliver(
  db: Db,
  { owner, id }: { readonly owner: string; readonly id: string },
): Promise<boolean> {
  const { rowCount } = await db.execute(sql`
    update webhook_deliveries as delivery set
      status = 'pending', attempt = 0, next_attempt_at = now(), first_due_at = null, locked_until = null, completed_at = null
    from jobs where jobs.id = delivery.job_id and jobs.owner = ${owner} and delivery.id = ${id}`);
  return rowCount === 1;
}
