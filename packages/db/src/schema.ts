import type { JobError, JobEventType, JobStage, JobStatus, Scope } from '@qwen-edit/contract';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  type PgColumn,
  pgTable,
  primaryKey,
  sql,
  text,
  timestamp,
  uniqueIndex,
} from './drizzle.ts';

const time = (name: string) => timestamp(name, { withTimezone: true });
const now = (name: string) => time(name).notNull().default(sql`now()`);
const oneOf = (column: PgColumn, values: readonly string[]) =>
  sql`${column} in (${sql.raw(values.map((value) => `'${value}'`).join(', '))})`;

/** One edit. Its rows are changed only by the functions of jobs/transitions/. */
export const jobs = pgTable(
  'jobs',
  {
    /** `job_` and a UUIDv7: ids sort by the time of their making. */
    id: text('id').primaryKey(),
    owner: text('owner').notNull(),
    status: text('status').$type<JobStatus>().notNull().default('queued'),
    /** EditParameters of the contract. */
    parameters: jsonb('parameters').$type<Record<string, unknown>>().notNull(),
    metadata: jsonb('metadata').$type<Record<string, string>>().notNull().default({}),
    webhookUrl: text('webhook_url'),
    webhookSecret: text('webhook_secret'),
    deadlineAt: time('deadline_at'),
    createdAt: now('created_at'),
    startedAt: time('started_at'),
    completedAt: time('completed_at'),
    /** A retry is not begun before this time. */
    runAfter: now('run_after'),
    /** The Postgres queue hands out a queued job from this time on; other queues ignore it. It says nothing about the order. */
    visibleAt: now('visible_at'),
    /** The place of a queued job, lowest first: see jobs/queue-order.ts. The time at which it joined the queue. */
    queueRank: now('queue_rank'),
    /** When the job was last sent to a queue other than Postgres. */
    sentAt: time('sent_at'),
    /** How often its message came out of the dead-letter queue. */
    redrives: integer('redrives').notNull().default(0),
    /** How often it was claimed; goes up with each lease. */
    attempt: integer('attempt').notNull().default(0),
    /** How many of the attempts failed or were lost. */
    failures: integer('failures').notNull().default(0),
    maxAttempts: integer('max_attempts').notNull(),
    /** The worker of each counted failure that may be the worker's own: the job goes next to another one, if there is one. */
    failedOn: text('failed_on').array().notNull().default(sql`'{}'`),
    /** Tokens of leases that ran out and count as failures. A worker that has lived on takes its one back. */
    lostLeases: text('lost_leases').array().notNull().default(sql`'{}'`),
    /** The lowest contract version whose workers understand this job; others leave it alone. */
    needsVersion: integer('needs_version').notNull().default(1),
    /** The fencing token: only who holds it may change the running job. */
    leaseToken: text('lease_token'),
    leaseExpiresAt: time('lease_expires_at'),
    workerId: text('worker_id'),
    cancelRequestedAt: time('cancel_requested_at'),
    stage: text('stage').$type<JobStage>(),
    step: integer('step'),
    total: integer('total'),
    /** When the present stage began, to estimate its end. */
    stageStartedAt: time('stage_started_at'),
    /** seq of the newest event. */
    eventSeq: integer('event_seq').notNull().default(0),
    seed: text('seed'),
    warnings: jsonb('warnings').$type<string[]>().notNull().default([]),
    receipt: jsonb('receipt').$type<Record<string, unknown>>(),
    timings: jsonb('timings').$type<Record<string, number>>(),
    error: jsonb('error').$type<JobError>(),
    /** The request of the API that made the job, for the logs. */
    requestId: text('request_id'),
  },
  (t) => [
    check('jobs_status', oneOf(t.status, ['queued', 'running', 'succeeded', 'failed', 'canceled', 'expired'])),
    check('jobs_lease', sql`(${t.status} = 'running') = (${t.leaseToken} is not null)`),
    check('jobs_lease_time', sql`(${t.leaseToken} is null) = (${t.leaseExpiresAt} is null)`),
    check('jobs_completed', sql`(${t.status} in ('queued', 'running')) = (${t.completedAt} is null)`),
    // When a job becomes visible. run_after is there for counting: queued jobs are counted from the index alone.
    index('jobs_queued').on(t.visibleAt, t.id, t.runAfter).where(sql`${t.status} = 'queued'`),
    // In which order they are taken. visible_at is there so that hidden ones are passed over in the index.
    index('jobs_queue_order').on(t.queueRank, t.id, t.visibleAt).where(sql`${t.status} = 'queued'`),
    index('jobs_leases').on(t.leaseExpiresAt).where(sql`${t.status} = 'running'`),
    index('jobs_deadlines')
      .on(t.deadlineAt)
      .where(sql`${t.status} in ('queued', 'running') and ${t.deadlineAt} is not null`),
    index('jobs_completed_at').on(t.completedAt).where(sql`${t.completedAt} is not null`),
    index('jobs_owner').on(t.owner, t.id),
    index('jobs_owner_status').on(t.owner, t.status, t.id).where(sql`${t.status} <> 'succeeded'`),
  ],
);

/** The ordered log of each job, which polling, streams and webhooks read. */
export const jobEvents = pgTable(
  'job_events',
  {
    jobId: text('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    seq: integer('seq').notNull(),
    type: text('type').$type<JobEventType>().notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull().default({}),
    createdAt: now('created_at'),
  },
  (t) => [primaryKey({ columns: [t.jobId, t.seq] })],
);

/** Messages that were promised by a commit and are still to be sent to a queue other than Postgres. */
export const outbox = pgTable(
  'outbox',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    jobId: text('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    owner: text('owner').notNull(),
    /** A dispatcher that took the row has until this time to send it; after that another one may take it. */
    availableAt: now('available_at'),
    createdAt: now('created_at'),
  },
  (t) => [index('outbox_job').on(t.jobId)],
);

/** The objects in storage. An object without a row is deleted by the sweep. */
export const assets = pgTable(
  'assets',
  {
    id: text('id').primaryKey(),
    owner: text('owner').notNull(),
    kind: text('kind').$type<'input' | 'output' | 'upload'>().notNull(),
    /** Key in the object storage. Never used twice, so that a sweep cannot delete what a new row points at. */
    key: text('key').notNull().unique(),
    /** Hex. null for an upload, whose content is not known yet. */
    sha256: text('sha256'),
    bytes: bigint('bytes', { mode: 'number' }),
    mediaType: text('media_type').notNull(),
    width: integer('width'),
    height: integer('height'),
    /** The job that made it. */
    jobId: text('job_id').references(() => jobs.id, { onDelete: 'cascade' }),
    /** Which of the job's results it is. */
    position: integer('position'),
    createdAt: now('created_at'),
    lastUsedAt: now('last_used_at'),
  },
  (t) => [
    check('assets_kind', oneOf(t.kind, ['input', 'output', 'upload'])),
    uniqueIndex('assets_input_content').on(t.owner, t.sha256).where(sql`${t.kind} = 'input'`),
    uniqueIndex('assets_output').on(t.jobId, t.position).where(sql`${t.jobId} is not null`),
    index('assets_last_used').on(t.lastUsedAt).where(sql`${t.kind} <> 'output'`),
  ],
);

/** Which stored pictures a job edits, in order. The foreign key protects them from deletion while the job exists. */
export const jobInputs = pgTable(
  'job_inputs',
  {
    jobId: text('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    position: integer('position').notNull(),
    assetId: text('asset_id')
      .notNull()
      .references(() => assets.id),
  },
  (t) => [primaryKey({ columns: [t.jobId, t.position] }), index('job_inputs_asset').on(t.assetId)],
);

/** One row for each device: what /health and /v1/models show. */
export const workers = pgTable('workers', {
  id: text('id').primaryKey(),
  host: text('host').notNull(),
  pid: integer('pid').notNull(),
  device: text('device').notNull(),
  /** null on a CPU. */
  gpuId: integer('gpu_id'),
  /** True while the model is loaded and jobs are taken. */
  ready: boolean('ready').notNull().default(false),
  model: jsonb('model').$type<Record<string, unknown>>(),
  /** ModelDownload of the contract, while the worker downloads its model. */
  download: jsonb('download').$type<Record<string, unknown>>(),
  lastError: text('last_error'),
  /** What the worker understands: it takes jobs whose `needs_version` is no higher. */
  contractVersion: integer('contract_version').notNull().default(1),
  startedAt: now('started_at'),
  heartbeatAt: now('heartbeat_at'),
});

export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    owner: text('owner').notNull(),
    key: text('key').notNull(),
    /** The request that has claimed the key. It renews its claim while it works; if it dies, the claim ends at `locked_until`. */
    token: text('token').notNull(),
    lockedUntil: time('locked_until').notNull(),
    /** Digest of the request. */
    requestHash: text('request_hash'),
    jobId: text('job_id').references(() => jobs.id, { onDelete: 'cascade' }),
    createdAt: now('created_at'),
  },
  (t) => [
    primaryKey({ columns: [t.owner, t.key] }),
    index('idempotency_keys_created').on(t.createdAt),
    index('idempotency_keys_job').on(t.jobId).where(sql`${t.jobId} is not null`),
  ],
);

/** A webhook that was promised in the transaction of a terminal event. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    /** The webhook-id header: the same over all attempts. */
    id: text('id').primaryKey(),
    jobId: text('job_id')
      .notNull()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    eventSeq: integer('event_seq').notNull(),
    eventType: text('event_type').$type<JobEventType>().notNull(),
    url: text('url').notNull(),
    /**
     * The lane of the delivery: its job's owner, and the receiver that its URL names. A dispatcher fills them in, so that rows of
     * older versions get theirs too: see deliveries/assign-lanes.ts.
     */
    owner: text('owner'),
    receiver: text('receiver'),
    status: text('status').$type<'pending' | 'delivered' | 'failed'>().notNull().default('pending'),
    attempt: integer('attempt').notNull().default(0),
    nextAttemptAt: now('next_attempt_at'),
    /** When the first attempt was due, once it was made. */
    firstDueAt: time('first_due_at'),
    /** Until this time a dispatcher works on it. */
    lockedUntil: time('locked_until'),
    /** Every attempt: { at, status, duration_ms, error }. */
    log: jsonb('log').$type<Record<string, unknown>[]>().notNull().default([]),
    createdAt: now('created_at'),
    completedAt: time('completed_at'),
  },
  (t) => [
    check('webhook_deliveries_status', oneOf(t.status, ['pending', 'delivered', 'failed'])),
    uniqueIndex('webhook_deliveries_event').on(t.jobId, t.eventSeq),
    // Dispatchers of older versions look for what is due here.
    index('webhook_deliveries_due').on(t.nextAttemptAt).where(sql`${t.status} = 'pending'`),
    // The first row of each lane is the one that is due first, so that a look costs the number of lanes: see due-lanes.ts.
    index('webhook_deliveries_lanes')
      .on(t.receiver, t.owner, sql`greatest(${t.nextAttemptAt}, ${t.lockedUntil})`)
      .where(sql`${t.status} = 'pending'`),
  ],
);

/** How a receiver has answered the webhooks of one owner. A receiver without a row has not been called lately. */
export const webhookReceivers = pgTable(
  'webhook_receivers',
  {
    owner: text('owner').notNull(),
    /** As receiverOf gives it. */
    receiver: text('receiver').notNull(),
    /** Attempts in a row that got no answer. From some number on the breaker is open. */
    failures: integer('failures').notNull().default(0),
    /** True if the last answer took long. */
    slow: boolean('slow').notNull().default(false),
    /** While the breaker is open nobody is called before this time; who makes the one trial puts it into the future. */
    retryAt: time('retry_at'),
    updatedAt: now('updated_at'),
  },
  (t) => [primaryKey({ columns: [t.owner, t.receiver] }), index('webhook_receivers_updated').on(t.updatedAt)],
);

/**
 * Objects to delete from storage. What deletes a row of the assets adds its object here in the same transaction, and the entry
 * stays until the storage has said that the object is gone.
 */
export const objectDeletions = pgTable(
  'object_deletions',
  {
    key: text('key').primaryKey(),
    /** How often the storage has refused. */
    attempts: integer('attempts').notNull().default(0),
    /** A dispatcher does not try before this time. */
    nextAttemptAt: time('next_attempt_at').notNull(),
    /** What the storage said last. */
    error: text('error'),
    createdAt: now('created_at'),
  },
  (t) => [index('object_deletions_due').on(t.nextAttemptAt)],
);

/** API keys: only their SHA-256 is kept. */
export const apiKeys = pgTable('api_keys', {
  id: text('id').primaryKey(),
  owner: text('owner').notNull(),
  name: text('name').notNull(),
  /** Hex SHA-256 of the whole key. */
  hash: text('hash').notNull().unique(),
  scopes: text('scopes').array().$type<Scope[]>().notNull(),
  createdAt: now('created_at'),
  revokedAt: time('revoked_at'),
  /** From this time on the key lets nobody in; null = it has no end. */
  expiresAt: time('expires_at'),
});

/** Browsers that are signed in. A browser holds a random id; the table keeps its SHA-256, and the key that the session stands for. */
export const sessions = pgTable(
  'sessions',
  {
    /** Hex SHA-256 of the id that the cookie holds. */
    hash: text('hash').primaryKey(),
    /** The key whose owner and scopes the session has, and with which it ends; null for the local token. */
    keyId: text('key_id').references(() => apiKeys.id, { onDelete: 'cascade' }),
    /** Hex SHA-256 of the local token that began the session, which ends with it; null for a session of a key. */
    localHash: text('local_hash'),
    createdAt: now('created_at'),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [
    check('sessions_credential', sql`(${t.keyId} is null) <> (${t.localHash} is null)`),
    index('sessions_key').on(t.keyId, t.createdAt),
    index('sessions_expires').on(t.expiresAt),
  ],
);

/**
 * Bytes of stored uploads and pictures that no job has used yet: what an owner's quota counts. A row goes with its asset, or when a
 * job takes the asset.
 */
export const unusedAssets = pgTable(
  'unused_assets',
  {
    assetId: text('asset_id')
      .primaryKey()
      .references(() => assets.id, { onDelete: 'cascade' }),
    owner: text('owner').notNull(),
    /** Of an upload whose content is not known yet: as many as it may have. */
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
  },
  (t) => [index('unused_assets_owner').on(t.owner)],
);
