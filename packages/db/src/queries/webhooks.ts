import { and, asc, eq, sql } from 'drizzle-orm';
import type { Db } from '../database.ts';
import { jobs, webhookDeliveries } from '../schema.ts';
import { ms } from '../transitions/lease.ts';

export type DeliveryRow = typeof webhookDeliveries.$inferSelect;

export interface DueDelivery {
  readonly id: string;
  readonly jobId: string;
  readonly eventType: string;
  readonly url: string;
  /** Attempts before this one. */
  readonly attempt: number;
  /** Secret of this job, where it has one of its own. */
  readonly secret: string | undefined;
}

/** One attempt, as the delivery's log keeps it. */
export interface Attempt {
  readonly at: string;
  /** HTTP status, or null where there was no answer. */
  readonly status: number | null;
  readonly duration_ms: number;
  readonly error: string | null;
}

/** What follows from an attempt: it is told, it is given up, or it is tried again after a delay. */
export type Verdict =
  | { readonly status: 'delivered' | 'failed' }
  | { readonly status: 'pending'; readonly delayMs: number };

export async function recordAttempt(db: Db, id: string, attempt: Attempt, verdict: Verdict): Promise<void> {
  const delayMs = verdict.status === 'pending' ? verdict.delayMs : 0;
  await db.execute(sql`
    update webhook_deliveries set
      status = ${verdict.status}, attempt = attempt + 1, log = log || ${JSON.stringify([attempt])}::jsonb,
      locked_until = null, next_attempt_at = now() + ${ms(delayMs)},
      completed_at = case when ${verdict.status} = 'pending' then null else now() end
    where id = ${id} and status = 'pending'`);
}

/** Deliveries of a job, in order. */
export function listDeliveries(db: Db, { owner, jobId }: { owner: string; jobId: string }): Promise<DeliveryRow[]> {
  return db
    .select({ delivery: webhookDeliveries })
    .from(webhookDeliveries)
    .innerJoin(jobs, eq(jobs.id, webhookDeliveries.jobId))
    .where(and(eq(jobs.owner, owner), eq(jobs.id, jobId)))
    .orderBy(asc(webhookDeliveries.eventSeq))
    .then((rows) => rows.map(({ delivery }) => delivery));
}

/** Starts a delivery over, with the same webhook-id. Returns false where the owner has none of this id. */
export async function redeliver(db: Db, { owner, id }: { owner: string; id: string }): Promise<boolean> {
  const { rowCount } = await db.execute(sql`
    update webhook_deliveries as delivery set
      status = 'pending', attempt = 0, next_attempt_at = now(), locked_until = null, completed_at = null
    from jobs where jobs.id = delivery.job_id and jobs.owner = ${owner} and delivery.id = ${id}`);
  return rowCount === 1;
}
