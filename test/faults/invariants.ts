import { createHash } from 'node:crypto';
import pg from 'pg';
import { findTableViolations } from '../db/invariants.ts';

/** What others saw of a service: the database, the storage, the queues, the receivers. The service itself is never asked. */
export interface Witnesses {
  readonly databaseUrl: string;
  readonly objects: {
    keys(): Promise<readonly string[]>;
    read(key: string): Promise<Uint8Array | undefined>;
    /** Keys of objects whose upload was begun and not finished. */
    unfinished(): Promise<readonly string[]>;
  };
  /** Queues other than the database itself. */
  readonly queues: readonly { readonly url: string; count(): Promise<number> }[];
  /** Every request that a receiver of webhooks wrote into its own log. */
  readonly deliveries: readonly {
    readonly url: string;
    readonly webhookId: string;
    readonly body: string;
    /** The receiver answered with 2xx. */
    readonly taken: boolean;
  }[];
  /** Ids of jobs. A caller notes an id when the API answers that the job is accepted. */
  readonly accepted: ReadonlySet<string>;
  /** A sentence for each thing that is wrong with the processes: a child too many, a file that is still open. */
  readonly processes: () => Promise<readonly string[]>;
}

/** Everything that is under way must end: I3. The limit is for what hangs, also on a machine that is many times slower. */
const LIMIT_MS = 300_000;
const AGAIN_MS = 100;

/**
 * Waits until nothing is under way, then looks for everything that breaks one of the five invariants. Returns a sentence for
 * each violation, and none if all invariants hold. Work that has not ended within `limitMs` is a violation too, mostly of I3.
 */
export async function findViolations(witnesses: Witnesses, limitMs: number = LIMIT_MS): Promise<readonly string[]> {
  const pool = new pg.Pool({ connectionString: witnesses.databaseUrl, max: 2, application_name: 'invariants' });
  pool.on('error', () => undefined);
  try {
    const left = await whenQuiet(pool, witnesses, limitMs);
    return [...left, ...(await findWrong(pool, witnesses))];
  } finally {
    await pool.end();
  }
}

/** Waits until nothing is under way. Returns what still is when the time is over. */
async function whenQuiet(pool: pg.Pool, witnesses: Witnesses, limitMs: number): Promise<readonly string[]> {
  const end = performance.now() + limitMs;
  for (;;) {
    const left = await findUnderWay(pool, witnesses);
    if (left.length === 0 || performance.now() > end) return left;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** The key that must have a row: for a thumbnail, that of the picture it is named after. */
const pictureOf = (key: string): string => /^thumbnails\/(.+)\.webp$/.exec(key)?.[1] ?? key;

async function findUnderWay(pool: pg.Pool, { objects, queues, processes }: Witnesses): Promise<string[]> {
  const found: string[] = [];
  const ask = async (what: string, query: string): Promise<void> => {
    found.push(...(await idsOf(pool, query)).map((id) => `${what}: ${id}`));
  };
  await ask('I3 a job has not ended', `select id from jobs where status in ('queued', 'running')`);
  await ask('I3 a webhook is still to be told', `select id from webhook_deliveries where status = 'pending'`);
  await ask('I3 a message is still to be sent', 'select job_id from outbox');
  if (found.length > 0) return found;
  for (const { url, count } of queues) {
    const messages = await count();
    if (messages > 0) found.push(`I3 ${messages} messages are left in ${url}`);
  }
  const rows = new Set(await idsOf(pool, 'select key from assets'));
  const orphans = (await objects.keys()).filter((key) => !rows.has(pictureOf(key)));
  found.push(...orphans.map((key) => `I4 an object has no row: ${key}`));
  found.push(...(await objects.unfinished()).map((key) => `I5 an object was begun and not finished: ${key}`));
  found.push(...(await processes()).map((what) => `I5 ${what}`));
  await ask(
    'I5 a session holds a transaction open',
    `select pid || ' ' || query from pg_stat_activity
     where datname = current_database() and state like 'idle in transaction%'`,
  );
  return found;
}

async function findWrong(pool: pg.Pool, witnesses: Witnesses): Promise<readonly string[]> {
  return [
    ...(await findTableViolations(pool)).map((what) => `I1 ${what}`),
    ...(await findLost(pool, witnesses)),
    ...(await findUntold(pool, witnesses)),
    ...(await findMissing(pool, witnesses)),
  ];
}

/** Finds accepted jobs that do not exist, or whose log does not have exactly one terminal event. */
async function findLost(pool: pg.Pool, { accepted }: Witnesses): Promise<string[]> {
  const query = `
    select id from unnest($1::text[]) as id where 1 <> (
      select count(*) from job_events where job_id = id and type in
        ('job.succeeded', 'job.failed', 'job.canceled', 'job.expired'))`;
  return (await idsOf(pool, query, [[...accepted]])).map((id) => `I1 an accepted job has not exactly one end: ${id}`);
}

interface DeliveryRow {
  readonly id: string;
  readonly job_id: string;
  readonly event_type: string;
  readonly url: string;
  readonly status: string;
}

/**
 * Finds webhooks that break I2: each terminal event has one webhook id and one body, goes to the address that the job named,
 * and counts as delivered if, and only if, its receiver answered with 2xx.
 */
async function findUntold(pool: pg.Pool, { deliveries }: Witnesses): Promise<string[]> {
  const { rows } = await pool.query<DeliveryRow>('select id, job_id, event_type, url, status from webhook_deliveries');
  const found: string[] = [];
  const byId = Map.groupBy(deliveries, ({ webhookId }) => webhookId);
  for (const row of rows) {
    const seen = byId.get(row.id) ?? [];
    byId.delete(row.id);
    const taken = seen.some((each) => each.taken);
    if (taken !== (row.status === 'delivered'))
      found.push(`I2 ${row.id} is ${row.status}, its receiver ${taken ? 'has' : 'has not'} taken it`);
    for (const { url, body } of seen) {
      if (url !== row.url) found.push(`I2 ${row.id} went to ${url}, not to ${row.url}`);
      if (withoutPlace(body) !== withoutPlace(seen[0]?.body ?? ''))
        found.push(`I2 ${row.id} has told two different things`);
      const told = JSON.parse(body) as { type: string; data: { id: string } };
      if (told.type !== row.event_type || told.data.id !== row.job_id)
        found.push(`I2 ${row.id} told of ${told.type} of ${told.data.id}, not of ${row.event_type} of ${row.job_id}`);
    }
  }
  for (const id of byId.keys()) found.push(`I2 nobody knows of ${id}, which a receiver has got`);
  const perJob = Map.groupBy(rows, ({ job_id }) => job_id);
  for (const [job, of] of perJob) if (of.length > 1) found.push(`I2 the end of ${job} has ${of.length} ids`);
  return found;
}

/** The body without host and port: an API that was started again may listen elsewhere. */
function withoutPlace(body: string): string {
  return body.replaceAll(/https?:\/\/[^/"]+\/v1\//g, '/v1/');
}

/** Finds rows whose object is missing or has another content. An upload may have no content yet. */
async function findMissing(pool: pg.Pool, { objects }: Witnesses): Promise<string[]> {
  const { rows } = await pool.query<{ key: string; sha256: string; bytes: string }>(
    `select key, sha256, bytes from assets where kind <> 'upload'`,
  );
  const found: string[] = [];
  for (const { key, sha256, bytes } of rows) {
    const content = await objects.read(key);
    if (content === undefined) found.push(`I4 a row points at no object: ${key}`);
    else if (content.length !== Number(bytes) || createHash('sha256').update(content).digest('hex') !== sha256)
      found.push(`I4 an object is not what its row says: ${key}`);
  }
  return found;
}

async function idsOf(pool: pg.Pool, query: string, values: readonly unknown[] = []): Promise<string[]> {
  const { rows } = await pool.query<[string]>({ text: query, values: [...values], rowMode: 'array' });
  return rows.map(([id]) => id);
}
