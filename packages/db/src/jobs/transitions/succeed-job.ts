import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';
import { newId } from '../../ids.ts';
import { toJsonb } from '../../sql.ts';
import { holds, type Lease } from '../lease.ts';
import { finish } from './finish.ts';

export interface JobResult {
  readonly seed: string;
  readonly warnings: readonly string[];
  readonly receipt: Readonly<Record<string, unknown>>;
  /** Seconds of each stage. */
  readonly timings: Readonly<Record<string, number>>;
  /** Objects that are already in storage, in order. */
  readonly outputs: readonly {
    readonly key: string;
    readonly sha256: string;
    readonly bytes: number;
    readonly mediaType: string;
    readonly width: number;
    readonly height: number;
  }[];
}

/**
 * Moves a job to `succeeded` with its results, if the caller holds its lease. Returns false, changing nothing, if not. A caller
 * that did not get the answer may call again: if the first call has committed, the second returns true as well.
 */
export async function succeedJob(db: Db, lease: Lease, result: JobResult): Promise<boolean> {
  const outputs = result.outputs.map((output, position) => ({ ...output, id: newId('asset'), position }));
  const done = await finish(db, {
    type: 'job.succeeded',
    where: holds(lease),
    set: sql`, seed = ${result.seed}, warnings = ${toJsonb(result.warnings)}, receipt = ${toJsonb(result.receipt)},
      timings = ${toJsonb(result.timings)}`,
    data: { seed: result.seed, outputs: outputs.length },
    also: sql`, output as (
      insert into assets (id, owner, kind, key, sha256, bytes, media_type, width, height, job_id, position)
      select each.id, changed.owner, 'output', each.key, each.sha256, each.bytes, each."mediaType", each.width, each.height,
        changed.id, each.position
      from changed, jsonb_to_recordset(${toJsonb(outputs)}) as each
        (id text, key text, sha256 text, bytes bigint, "mediaType" text, width int, height int, position int)
    )`,
  });
  return done.length === 1 || hasCommitted(db, lease, result);
}

/** A key holds its lease's token, so that only the commit of this lease can have written it. */
async function hasCommitted(db: Db, { jobId }: Lease, { outputs: [first] }: JobResult): Promise<boolean> {
  const { rows } = await db.execute(sql`select from assets where job_id = ${jobId} and key = ${first?.key ?? null}`);
  return rows.length === 1;
}
