import {
  type AttemptResult,
  assignLanes,
  type BreakerRules,
  type Database,
  type DeliveryAttempt,
  type DueLane,
  newId,
  type ReceiverSign,
  recordAttempt,
  type TakenDelivery,
  takeDeliveries,
} from '../../packages/db/src/index.ts';
import { HOUR, OWNER } from './jobs.ts';

const BREAKER: BreakerRules = { failures: 3, firstMs: HOUR, maxMs: HOUR };

/** Takes deliveries as a dispatcher does: all that are due, or those of the lanes that a test chooses. */
export async function takeDue(
  database: Database,
  {
    lockMs = HOUR,
    count = 100,
    want = () => true,
  }: {
    readonly lockMs?: number;
    readonly count?: number;
    readonly want?: (lane: DueLane) => boolean;
  } = {},
): Promise<readonly TakenDelivery[]> {
  await assignLanes(database.db, 1000);
  const choose = (due: readonly DueLane[]) => due.filter(want).map((lane) => ({ lane, count }));
  return (await takeDeliveries(database, { choose, lockMs })).taken;
}

/** Records an attempt; a receiver that gave a status has answered. */
export const recordTry = (
  { db }: Database,
  id: string,
  attempt: DeliveryAttempt,
  result: AttemptResult,
  sign: ReceiverSign | undefined = { answered: attempt.status !== null, slow: false },
): Promise<boolean> => recordAttempt(db, id, attempt, result, { sign, breaker: BREAKER });

/** Jobs that have ended, each with a webhook that is due now: as many as there are URLs. Returns the jobs' ids, in order. */
export async function endedJobs(database: Database, urls: readonly string[], owner = OWNER): Promise<string[]> {
  const ids = urls.map(() => newId('job'));
  await database.pool.query(
    `with ended as (
      insert into jobs (id, owner, status, parameters, webhook_url, max_attempts, completed_at, event_seq)
      select id, $3, 'canceled', '{"prompt": "x"}', url, 3, now(), 2 from unnest($1::text[], $2::text[]) as given (id, url)
      returning id, webhook_url
    ), events as (
      insert into job_events (job_id, seq, type)
      select id, seq, case seq when 1 then 'job.queued' else 'job.canceled' end from ended, generate_series(1, 2) as seq
    )
    insert into webhook_deliveries (id, job_id, event_seq, event_type, url)
    select 'msg_' || id, id, 2, 'job.canceled', webhook_url from ended`,
    [ids, urls, owner],
  );
  return ids;
}
