import type pg from 'pg';

const TERMINAL = `('succeeded', 'failed', 'canceled', 'expired')`;
const TERMINAL_EVENT = `('job.succeeded', 'job.failed', 'job.canceled', 'job.expired')`;

/** What must hold of the tables at any moment, each with a query for the ids of what breaks it. */
const BROKEN: Readonly<Record<string, string>> = {
  'a job has at most one terminal event, and it is the last': `
    select j.id from jobs j join job_events e on e.job_id = j.id where e.type in ${TERMINAL_EVENT}
    group by j.id having count(*) > 1 or max(e.seq) <> j.event_seq`,
  'a terminal state and its event come together': `
    select j.id from jobs j where (j.status in ${TERMINAL}) <>
      exists (select from job_events e where e.job_id = j.id and e.type in ${TERMINAL_EVENT})
    or (j.status in ${TERMINAL} and not exists (select from job_events e
      where e.job_id = j.id and e.seq = j.event_seq and e.type = 'job.' || j.status))`,
  'events are numbered from 1 without gaps, up to what the job says': `
    select j.id from jobs j left join job_events e on e.job_id = j.id group by j.id
    having min(e.seq) is distinct from 1 or max(e.seq) <> j.event_seq or count(*) <> j.event_seq`,
  'each attempt has its event': `
    select j.id from jobs j left join job_events e on e.job_id = j.id and e.type = 'job.started' group by j.id
    having count(e.seq) <> j.attempt or count(distinct e.data->>'attempt') <> j.attempt
      or coalesce(max((e.data->>'attempt')::int), 0) <> j.attempt`,
  'failures stay within the attempts, and within the limit': `
    select j.id from jobs j where j.failures > j.attempt or j.failures > j.max_attempts
    or (j.status in ('queued', 'running') and j.failures >= j.max_attempts)`,
  'a running job has a lease, and nothing else has': `
    select j.id from jobs j where (j.status = 'running') <> (j.lease_token is not null)
    or (j.status = 'running') <> (j.lease_expires_at is not null)`,
  'a queued job was not asked to stop': `
    select j.id from jobs j where j.status = 'queued' and j.cancel_requested_at is not null`,
  'a final job has an end, and only a final one': `
    select j.id from jobs j where (j.status in ${TERMINAL}) <> (j.completed_at is not null)`,
  'a final job has an error exactly when it failed or expired': `
    select j.id from jobs j where j.status in ${TERMINAL}
    and (j.status in ('failed', 'expired')) <> (j.error is not null)`,
  'a terminal event of a job with a webhook_url has exactly one delivery': `
    select j.id from jobs j where j.webhook_url is not null and j.status in ${TERMINAL} and 1 <> (
      select count(*) from webhook_deliveries d where d.job_id = j.id and d.event_seq = j.event_seq
        and d.event_type = 'job.' || j.status and d.url = j.webhook_url)`,
  'nothing else has a delivery': `
    select d.id from webhook_deliveries d left join jobs j on j.id = d.job_id
    where j.id is null or j.webhook_url is null or j.status not in ${TERMINAL} or d.event_seq <> j.event_seq`,
  'a succeeded job has all of its results, numbered from 0': `
    select j.id from jobs j join job_events e on e.job_id = j.id and e.type = 'job.succeeded'
    where (e.data->>'outputs')::int <> (select count(*) from assets a
      where a.job_id = j.id and a.kind = 'output' and a.position between 0 and (e.data->>'outputs')::int - 1)`,
  'only a succeeded job has results': `
    select a.id from assets a left join jobs j on j.id = a.job_id
    where (a.kind = 'output' and j.status is distinct from 'succeeded') or (a.kind <> 'output' and a.job_id is not null)`,
  'the pictures of a job are there, and of its owner': `
    select i.job_id from job_inputs i join jobs j on j.id = i.job_id left join assets a on a.id = i.asset_id
    where a.id is null or a.kind <> 'input' or a.owner <> j.owner`,
};

/** Everything that is wrong in the tables; empty when all is well. */
export async function findTableViolations(pool: pg.Pool): Promise<string[]> {
  const found: string[] = [];
  for (const [rule, query] of Object.entries(BROKEN)) {
    const { rows } = await pool.query<string[]>({ text: query, rowMode: 'array' });
    if (rows.length > 0) found.push(`${rule}: ${rows.join(', ')}`);
  }
  return found;
}
