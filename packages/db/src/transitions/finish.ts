import type { JobError } from '@qwen-edit/contract';
import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../database.ts';

type TerminalType = 'job.succeeded' | 'job.failed' | 'job.canceled' | 'job.expired';

interface Finish {
  readonly type: TerminalType;
  /** Which jobs, as a condition on `jobs`: the guard of the transition. */
  readonly where: SQL;
  /** Further assignments. */
  readonly set?: SQL;
  /** The event's data, jsonb. */
  readonly data?: SQL;
  /** Further CTEs that read `changed`. */
  readonly also?: SQL;
}

/**
 * The one way into a terminal state. In one statement: the row, its event, and the promise of a webhook. Returns the ids of
 * the jobs that moved; none where the guard did not hold, and then nothing has changed.
 */
export async function finish(
  db: Db,
  { type, where, set = sql``, data = sql`'{}'::jsonb`, also = sql`` }: Finish,
): Promise<string[]> {
  const status = type.slice('job.'.length);
  const { rows } = await db.execute<{ id: string }>(sql`
    with changed as (
      update jobs set
        status = ${status}, completed_at = now(), lease_token = null, lease_expires_at = null,
        event_seq = event_seq + 1 ${set}
      where ${where}
      returning *
    ), event as (
      insert into job_events (job_id, seq, type, data) select id, event_seq, ${type}, ${data} from changed
    ), message as (
      delete from outbox using changed where outbox.job_id = changed.id
    ), webhook as (
      insert into webhook_deliveries (id, job_id, event_seq, event_type, url)
      select 'msg_' || replace(gen_random_uuid()::text, '-', ''), id, event_seq, ${type}, webhook_url
      from changed where webhook_url is not null
    ) ${also}
    select id from changed`);
  return rows.map(({ id }) => id);
}

export const jsonb = (value: unknown): SQL => sql`${JSON.stringify(value)}::jsonb`;

/** Assignment and event data of a failure. */
export function errorParts(error: JobError): { set: SQL; data: SQL } {
  return { set: sql`, error = ${jsonb(error)}`, data: sql`jsonb_build_object('error', ${jsonb(error)})` };
}
