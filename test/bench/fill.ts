import { createHash } from 'node:crypto';
import { addInput, type Database, newId } from '../../packages/db/src/index.ts';
import { type ObjectStore, STORED_KINDS } from '../../packages/storage/src/index.ts';
import { runStatements } from './query.ts';

const OWNER = 'local';

/** Notes a picture that jobs can edit, and stores it where there is a store. Gives the id of its asset. */
export async function addPicture(database: Database, bytes: Uint8Array, store?: ObjectStore): Promise<string> {
  const id = newId('asset');
  const key = STORED_KINDS.input.keyOf({ assetId: id });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await store?.put(key, bytes, { mediaType: 'image/png' });
  const facts = { sha256, bytes: bytes.length, mediaType: 'image/png', width: 64, height: 64 };
  await addInput(database.db, { id, owner: OWNER, key, ...facts });
  return id;
}

/**
 * Puts `count` jobs into our tables, all of them queued and each with its picture and its event, as submissions leave them.
 * Ids sort by the time of their making, as those of submissions do.
 */
export async function fillOurs(url: string, assetId: string, count: number): Promise<void> {
  const id = `'job_' || lpad(to_hex(n), 12, '0') || substr(md5(n::text), 1, 20)`;
  const numbers = `generate_series(1, ${count}) as n`;
  const time = `now() - (${count} - n) * interval '1 millisecond'`;
  await runStatements(
    url,
    `insert into jobs (id, owner, parameters, max_attempts, event_seq, created_at, run_after, visible_at, queue_rank)
     select ${id}, '${OWNER}', '{"prompt": "make it blue"}', 3, 1, ${time}, ${time}, ${time}, ${time} from ${numbers}`,
    `insert into job_inputs (job_id, position, asset_id) select ${id}, 0, '${assetId}' from ${numbers}`,
    `insert into job_events (job_id, seq, type) select ${id}, 1, 'job.queued' from ${numbers}`,
    'vacuum analyze jobs, job_inputs, job_events, assets',
  );
}

/** Jobs that have not ended. */
export async function leftOfOurs(url: string): Promise<number> {
  const [row] = await runStatements(
    url,
    `select count(*)::int as left from jobs where status in ('queued', 'running')`,
  );
  return Number(row?.left);
}
