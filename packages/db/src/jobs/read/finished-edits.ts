import type { Db } from '../../connection/db.ts';
import { sql } from '../../drizzle.ts';

/** What made an edit, what it was, and how long it took, by the receipt of its job. Nothing in it is checked. */
export interface FinishedEditRow {
  readonly digest: string | null;
  readonly device: string | null;
  readonly precision: string | null;
  /** Without its texts, of which only the lengths in bytes count: they may be long, and are nobody else's business. */
  readonly parameters: Record<string, unknown>;
  readonly promptBytes: number;
  /** null if there was no negative prompt. */
  readonly negativeBytes: number | null;
  readonly pictures: unknown;
  readonly timings: Record<string, number>;
}

/** The last edits that succeeded, over all owners, newest first. Jobs without receipt or times tell nothing. */
export async function readFinishedEdits(db: Db, limit: number): Promise<readonly FinishedEditRow[]> {
  const { rows } = await db.execute<{
    digest: string | null;
    device: string | null;
    precision: string | null;
    parameters: Record<string, unknown>;
    prompt_bytes: number | null;
    negative_bytes: number | null;
    pictures: unknown;
    timings: Record<string, number>;
  }>(sql`
    select receipt -> 'model' ->> 'digest' as digest, receipt ->> 'device' as device, receipt ->> 'precision' as precision,
      (receipt -> 'parameters') - 'prompt' - 'negative_prompt' as parameters,
      octet_length(receipt -> 'parameters' ->> 'prompt') as prompt_bytes,
      octet_length(receipt -> 'parameters' ->> 'negative_prompt') as negative_bytes,
      receipt -> 'images' as pictures, timings
    from (
      select receipt, timings from jobs where completed_at is not null and status = 'succeeded'
      order by completed_at desc limit ${limit}
    ) as last
    where jsonb_typeof(receipt -> 'parameters') = 'object' and timings is not null`);
  return rows.map(({ prompt_bytes, negative_bytes, ...row }) => ({
    ...row,
    promptBytes: prompt_bytes ?? 0,
    negativeBytes: negative_bytes,
  }));
}
