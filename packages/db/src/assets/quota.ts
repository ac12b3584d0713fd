import { AppError } from '@qwen-edit/contract';
import type { Database } from '../connection/database.ts';
import type { Db } from '../connection/db.ts';
import { sql } from '../drizzle.ts';

/** What an owner wants to have stored before a job uses it. */
export interface UnusedCharge {
  readonly owner: string;
  readonly assetId: string;
  readonly bytes: number;
  /** What an owner may have stored that no job uses; undefined = any number. */
  readonly quotaBytes: number | undefined;
  /** The upload that it is a copy of, which then counts no more. */
  readonly insteadOf?: string | undefined;
}

/** Any number. Who counts an owner's bytes holds this advisory lock together with a hash of the owner. */
const QUOTA_LOCK = 311_202_624;

/**
 * Adds an asset, and counts its bytes as unused until a job takes it. Requests of one owner go one by one, so that no two of them
 * take the same rest of the quota. May be repeated; then the new number of bytes counts. Throws AppError `quota_exceeded`.
 *
 * @example await withinQuota(database, { owner, assetId, bytes, quotaBytes }, (tx) => addInput(tx, input))
 */
export async function withinQuota<T>(
  database: Database,
  charge: UnusedCharge,
  add: (tx: Db) => Promise<T>,
): Promise<T> {
  const { owner, assetId, bytes, quotaBytes, insteadOf } = charge;
  const addAndCount = async (db: Db): Promise<T> => {
    const added = await add(db);
    if (insteadOf !== undefined) await db.execute(sql`delete from unused_assets where asset_id = ${insteadOf}`);
    // There is no such row if another request has stored the same picture: its row counts.
    await db.execute(sql`
      insert into unused_assets (asset_id, owner, bytes)
      select id, owner, ${bytes}::bigint from assets where id = ${assetId}
      on conflict (asset_id) do update set bytes = excluded.bytes`);
    return added;
  };
  // Without a quota nothing depends on the count, which is kept for the time when there is one.
  if (quotaBytes === undefined) return addAndCount(database.db);
  return database.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${QUOTA_LOCK}::int, hashtext(${owner}))`);
    await refuseOverQuota(tx, charge);
    return addAndCount(tx);
  });
}

/** Throws AppError `quota_exceeded` if the bytes do not fit now. Without withinQuota's lock this only spares work in vain. */
export async function refuseOverQuota(db: Db, charge: UnusedCharge): Promise<void> {
  const { owner, assetId, bytes, quotaBytes, insteadOf = assetId } = charge;
  if (quotaBytes === undefined) return;
  const { rows } = await db.execute<{ stored: number }>(sql`
    select coalesce(sum(bytes), 0)::double precision as stored from unused_assets
    where owner = ${owner} and asset_id not in (${assetId}, ${insteadOf})`);
  const stored = rows[0]?.stored ?? 0;
  // What is not known yet needs some room too.
  if (stored + Math.max(bytes, 1) <= quotaBytes) return;
  throw new AppError(
    'quota_exceeded',
    `${stored} bytes of uploads and pictures that no job uses are stored, and ${bytes} more would be above ${quotaBytes}.`,
  );
}
