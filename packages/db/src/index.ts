export * from './api-keys/api-keys.ts';
export * from './api-keys/sessions.ts';
export * from './assets/inputs.ts';
export {
  countDeletions,
  type DeletionOutcome,
  notNoted,
  settleDeletions,
  takeDeletions,
} from './assets/object-deletions.ts';
export * from './assets/quota.ts';
export * from './assets/unused-assets.ts';
export * from './assets/uploads.ts';
export { type BackupTable, isKnownMigration } from './backup/backup-tables.ts';
export { beginRestore, type RowsRestore } from './backup/restore-rows.ts';
export { type AssetOfKey, type DatabaseSnapshot, openSnapshot } from './backup/snapshot.ts';
export { createDatabase, type Database, type DatabaseOptions, type PoolState } from './connection/database.ts';
export { sqlState } from './connection/database-error.ts';
export type { Db } from './connection/db.ts';
export { readServerFacts, type ServerFacts } from './connection/server-facts.ts';
export type { ConnectionFacts } from './connection/session.ts';
export { runTransaction } from './connection/transaction.ts';
export * from './deliveries/assign-lanes.ts';
export * from './deliveries/deliveries.ts';
export * from './deliveries/delivery-attempts.ts';
export type { DueLane, Lane, Standing } from './deliveries/due-lanes.ts';
export * from './deliveries/take-deliveries.ts';
export * from './embedded/index.ts';
export * from './events/read-events.ts';
export * from './idempotency-keys/idempotency-keys.ts';
export * from './ids.ts';
export type { Lease } from './jobs/lease.ts';
export * from './jobs/read/count-jobs.ts';
export * from './jobs/read/finished-edits.ts';
export { type AssetRow, readInput, readOutput } from './jobs/read/job-pictures.ts';
export * from './jobs/read/jobs-of-pictures.ts';
export * from './jobs/read/lease-state.ts';
export * from './jobs/read/newer-jobs.ts';
export * from './jobs/read/next-visible.ts';
export * from './jobs/read/queue-times.ts';
export * from './jobs/read/read-jobs.ts';
export * from './jobs/transitions/cancel-job.ts';
export * from './jobs/transitions/claim-job.ts';
export * from './jobs/transitions/delete-job.ts';
export * from './jobs/transitions/expire-jobs.ts';
export * from './jobs/transitions/fail-job.ts';
export * from './jobs/transitions/handle-dead-letter.ts';
export * from './jobs/transitions/heartbeat.ts';
export * from './jobs/transitions/leave-to-newer.ts';
export * from './jobs/transitions/mark-sent.ts';
export * from './jobs/transitions/reap-leases.ts';
export * from './jobs/transitions/record-progress.ts';
export * from './jobs/transitions/release-job.ts';
export * from './jobs/transitions/resend-queued.ts';
export * from './jobs/transitions/retry-job.ts';
export * from './jobs/transitions/submit-job.ts';
export * from './jobs/transitions/succeed-job.ts';
export * from './jobs/transitions/take-back.ts';
export * from './jobs/transitions/take-over.ts';
export { type Blocker, blockerText } from './migrations/lock-watch.ts';
export { type MigrateEvent, type MigrateOptions, migrateDatabase } from './migrations/migrate.ts';
export {
  laterSchemaText,
  type MigrationState,
  migrationState,
  requireMigrated,
} from './migrations/migration-state.ts';
export {
  hindrancesOf,
  type MigrationPlan,
  type PlannedStatement,
  type PlannedTable,
  planMigrations,
} from './migrations/plan.ts';
export * from './outbox/take-outbox.ts';
export { QUEUE_CHANNEL } from './queue/notifier.ts';
export * from './queue/queue-table.ts';
export * from './workers/workers.ts';
