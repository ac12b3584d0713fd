import {
  type AssetOfKey,
  type Database,
  type DatabaseSnapshot,
  openSnapshot,
  type PictureOfJobs,
  readJobsOfPictures,
  unknownKeys,
} from '@qwen-edit/db';
import { type ObjectEntry, type ObjectStore, STORED_KINDS } from '@qwen-edit/storage';

/** A row whose object is not what it says. */
export interface StorageFinding extends PictureOfJobs {
  /** `missing`: there is no object; `changed`: it has another size than the row says. */
  readonly problem: 'missing' | 'changed';
}

export interface StorageSummary {
  /** Rows that were looked at. */
  readonly pictures: number;
  readonly missing: number;
  readonly changed: number;
  /** Objects that no row names; a dispatcher deletes them when they are an hour old. */
  readonly orphans: number;
  readonly orphan_bytes: number;
}

interface VerifyDeps {
  readonly database: Database;
  readonly store: Pick<ObjectStore, 'list' | 'head'>;
  readonly signal: AbortSignal;
  readonly onFinding: (finding: StorageFinding) => void;
}

/** What differs is looked at again in groups: the service goes on meanwhile. */
const BATCH = 500;
/** Thumbnails are left out: they are made anew. In the order of their bytes. */
const PREFIXES = [STORED_KINDS.input, STORED_KINDS.output, STORED_KINDS.upload].map(({ prefix }) => prefix).sort();

/**
 * Compares the rows with the objects of the storage, side by side in the order of their keys, with flat memory. It may run beside a
 * service: what came or went meanwhile is no finding.
 */
export async function verifyStorage({ database, store, signal, onFinding }: VerifyDeps): Promise<StorageSummary> {
  const counts = { pictures: 0, missing: 0, changed: 0, orphans: 0, orphan_bytes: 0 };
  let absent: string[] = [];
  let changed: string[] = [];
  let unnamed: ObjectEntry[] = [];

  const snapshot = await openSnapshot(database, { signal });
  try {
    for await (const [row, object] of pairs(rowsOf(snapshot), objectsOf(store, signal))) {
      if (row !== undefined) counts.pictures += 1;
      if (object === undefined && row !== undefined) absent.push(row.key);
      else if (row === undefined && object !== undefined) unnamed.push(object);
      else if (row?.bytes != null && row.bytes !== object?.bytes) changed.push(row.key);
      if (absent.length + unnamed.length + changed.length >= BATCH) await lookAgain();
    }
    await lookAgain();
  } finally {
    await snapshot.close();
  }
  return counts;

  async function lookAgain(): Promise<void> {
    const gone: string[] = [];
    for (const key of absent) if ((await store.head(key, { signal })) === undefined) gone.push(key);
    // An upload that no job uses may not have come yet.
    const missing = (await readJobsOfPictures(database.db, gone)).filter(
      ({ kind, jobs }) => kind !== 'upload' || jobs.length > 0,
    );
    for (const each of missing) onFinding({ problem: 'missing', ...each });
    counts.missing += missing.length;
    const other = await readJobsOfPictures(database.db, changed);
    for (const each of other) onFinding({ problem: 'changed', ...each });
    counts.changed += other.length;
    const ofNobody = new Set(
      await unknownKeys(
        database.db,
        unnamed.map(({ key }) => key),
      ),
    );
    for (const { key, bytes } of unnamed) {
      if (!ofNobody.has(key)) continue;
      counts.orphans += 1;
      counts.orphan_bytes += bytes;
    }
    [absent, changed, unnamed] = [[], [], []];
  }
}

async function* rowsOf(snapshot: DatabaseSnapshot): AsyncGenerator<AssetOfKey> {
  for await (const rows of snapshot.assetsByKey()) yield* rows;
}

async function* objectsOf(store: Pick<ObjectStore, 'list'>, signal: AbortSignal): AsyncGenerator<ObjectEntry> {
  for (const prefix of PREFIXES) yield* store.list(prefix, { signal });
}

/** Two sequences in the order of their keys, with what has the same key together. */
async function* pairs<A extends { readonly key: string }, B extends { readonly key: string }>(
  ofA: AsyncGenerator<A>,
  ofB: AsyncGenerator<B>,
): AsyncGenerator<readonly [A | undefined, B | undefined]> {
  const nextA = async (): Promise<A | undefined> => itemOf(await ofA.next());
  const nextB = async (): Promise<B | undefined> => itemOf(await ofB.next());
  let [a, b] = [await nextA(), await nextB()];
  while (a !== undefined || b !== undefined) {
    const order = a === undefined ? 1 : b === undefined ? -1 : compare(a.key, b.key);
    yield [order <= 0 ? a : undefined, order >= 0 ? b : undefined];
    if (order <= 0) a = await nextA();
    if (order >= 0) b = await nextB();
  }
}

const itemOf = <T>(result: IteratorResult<T>): T | undefined => (result.done === true ? undefined : result.value);

/** Keys are ASCII, whose bytes are its code units. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
