import type { JobError } from '@qwen-edit/contract';
import type { Db } from '../../connection/db.ts';
import { receiverInSql } from '../../deliveries/receiver-of.ts';
import { type SQL, sql } from '../../drizzle.ts';
import { toJsonb } from '../../sql.ts';

type TerminalType = 'job.succeeded' | 'job.failed' | 'job.canceled' | 'job.expired';

interface Finish {
  readonly type: TerminalType;
  /** Which jobs, as a condition on `jobs`: the guard of the transition. */
  readonly where: SQL;
  /**
   * Why it ended so, as a value or as an expression on the row. Without one, the error that an earlier attempt left on the
   * job is cleared.
   */
  readonly error?: JobError | SQL;
  /** Further assignments. */
  readonly set?: SQL;
  /** The event's data, if there is no error. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Further CTEs that read `changed`. */
  readonly also?: SQL;
}

/**
 * The only way into a terminal state. One statement changes the row, adds its event, deletes its message and adds the delivery of
 * its webhook. Returns the ids of the jobs that moved; none if the guard did not hold, and then nothing has changed.
 */
export async function finish(
  db: Db,
  { type, where, error, set = sql``, data = {}, also = sql`` }: Finish,
): Promise<string[]> {
  const status = type.slice('job.'.length);
  const reason = error === undefined ? sql`null` : 'code' in error ? toJsonb(error) : error;
  const eventData = error === undefined ? toJsonb(data) : sql`jsonb_build_object('error', error)`;
  const { rows } = await db.execute<{ id: string }>(sql`
    with changed as (
      update jobs set
        status = ${status}, completed_at = now(), lease_token = null, lease_expires_at = null,
        error = ${reason}, event_seq = event_seq + 1 ${set}
      where ${where}
      returning *
    ), event as (
      insert into job_events (job_id, seq, type, data) select id, event_seq, ${type}, ${eventData} from changed
    ), message as (
      delete from outbox using changed where outbox.job_id = changed.id
    ), webhook as (
      insert into webhook_deliveries (id, job_id, event_seq, event_type, url, owner, receiver)
      select 'msg_' || replace(gen_random_uuid()::text, '-', ''), id, event_seq, ${type}, webhook_url,
        owner, ${receiverInSql(sql`webhook_url`)}
      from changed where webhook_url is not null
    ) ${also}
    select id from changed`);
  return rows.map(({ id }) => id);
}

/** A further assignment: the attempt counts as failed. */
export const FAILURE: SQL = sql`, failures = failures + 1`;
