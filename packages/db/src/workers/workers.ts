import { CONTRACT_VERSION } from '@qwen-edit/contract';
import type { Db } from '../connection/db.ts';
import { asc, eq, gt, sql } from '../drizzle.ts';
import { workers } from '../schema.ts';
import { interval } from '../sql.ts';

export type WorkerRow = typeof workers.$inferSelect;

/** What a worker reports of itself. */
export interface WorkerState {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly device: string;
  readonly gpuId: number | null;
  readonly ready: boolean;
  readonly model: Record<string, unknown> | null;
  /** While it downloads its model: how far it is. Default: null. */
  readonly download?: Record<string, unknown> | null;
  readonly lastError: string | null;
  /** Default: this version. */
  readonly contractVersion?: number | undefined;
}

/** Writes the state of a worker, and that it is alive now. */
export async function reportWorker(db: Db, worker: WorkerState): Promise<void> {
  const state = {
    ...worker,
    download: worker.download ?? null,
    contractVersion: worker.contractVersion ?? CONTRACT_VERSION,
  };
  await db
    .insert(workers)
    .values(state)
    .onConflictDoUpdate({ target: workers.id, set: { ...state, heartbeatAt: sql`now()` } });
}

/** Removes the row of a worker that ends. */
export async function removeWorker(db: Db, id: string): Promise<void> {
  await db.delete(workers).where(eq(workers.id, id));
}

/** Workers that have reported within `freshMs`, each with the seconds since its start. */
export async function listWorkers(db: Db, freshMs: number): Promise<(WorkerRow & { uptimeSeconds: number })[]> {
  return db
    .select({
      id: workers.id,
      host: workers.host,
      pid: workers.pid,
      device: workers.device,
      gpuId: workers.gpuId,
      ready: workers.ready,
      model: workers.model,
      download: workers.download,
      lastError: workers.lastError,
      contractVersion: workers.contractVersion,
      startedAt: workers.startedAt,
      heartbeatAt: workers.heartbeatAt,
      uptimeSeconds: sql<number>`extract(epoch from now() - ${workers.startedAt})::double precision`,
    })
    .from(workers)
    .where(gt(workers.heartbeatAt, sql`now() - ${interval(freshMs)}`))
    .orderBy(asc(workers.gpuId), asc(workers.startedAt));
}

/** Removes the rows of workers that have not reported for `olderThanMs`. */
export async function deleteSilentWorkers(db: Db, olderThanMs: number): Promise<void> {
  await db.execute(sql`delete from workers where heartbeat_at < now() - ${interval(olderThanMs)}`);
}
