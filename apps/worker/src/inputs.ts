import { createHash } from 'node:crypto';
import { AppError } from '@qwen-edit/contract';
import { type ClaimedInput, recentInputKeys } from '@qwen-edit/db';
import { type ObjectStore, readObject } from '@qwen-edit/storage';
import type { WorkerDeps } from './deps.ts';

/** So many other pictures are looked for when one is not there. */
const OTHERS = 3;

type InputDeps = Pick<WorkerDeps, 'store' | 'database'>;

/**
 * Fetches a job's pictures, in order, and checks that their bytes are those that were stored. Throws AppError `input_missing`
 * if one is not there, `storage_unavailable` if the storage lacks other pictures too, and `input_damaged` if one arrives changed:
 * the next read may be whole.
 */
export async function readInputs(
  deps: InputDeps,
  inputs: readonly ClaimedInput[],
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const images: Uint8Array[] = [];
  for (const [i, input] of inputs.entries()) {
    const name = `Picture ${i + 1}`;
    const bytes = await readInput(deps.store, input, name, signal);
    if (bytes === undefined) throw await missing(deps, inputs, name, signal);
    images.push(bytes);
  }
  return images;
}

/**
 * A picture may be gone. But a storage that has none of the pictures used last is another one than the API writes to, or its
 * folder is not mounted.
 */
async function missing(
  { store, database }: InputDeps,
  inputs: readonly ClaimedInput[],
  name: string,
  signal: AbortSignal,
): Promise<AppError> {
  const own = inputs.map(({ key }) => key);
  const others = await recentInputKeys(database.db, own, OTHERS);
  const found = await Promise.all(others.map((key) => store.head(key, { signal })));
  return others.length === 0 || found.some((info) => info !== undefined)
    ? new AppError('input_missing', `${name} is no longer in the object storage.`)
    : new AppError('storage_unavailable', 'The object storage has none of the pictures that were used last.', {
        hint: 'Check that STORAGE_URL is that of the API, and that its folder is mounted.',
      });
}

async function readInput(
  store: ObjectStore,
  input: ClaimedInput,
  name: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const bytes = await readObject(store, input.key, { maxBytes: input.bytes, signal }).catch((thrown: unknown) => {
    if (thrown instanceof AppError && thrown.code === 'request_too_large') throw damaged(name);
    throw thrown;
  });
  if (bytes === undefined) return undefined;
  if (bytes.length !== input.bytes || sha256(bytes) !== input.sha256) throw damaged(name);
  return bytes;
}

function damaged(name: string): AppError {
  return new AppError('input_damaged', `${name} came out of the object storage changed.`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
