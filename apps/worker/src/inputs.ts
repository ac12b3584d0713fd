import { createHash } from 'node:crypto';
import { AppError } from '@qwen-edit/contract';
import type { ClaimedInput } from '@qwen-edit/db';
import { type ObjectStore, readObject } from '@qwen-edit/storage';

/**
 * Fetches a job's pictures, in order, and checks that their bytes are those that were stored. Throws AppError `input_missing`
 * if one is not there, and `storage_unavailable` if one arrives damaged: the next read may be whole.
 */
export async function readInputs(
  store: ObjectStore,
  inputs: readonly ClaimedInput[],
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const images: Uint8Array[] = [];
  for (const [i, input] of inputs.entries()) images.push(await readInput(store, input, `Picture ${i + 1}`, signal));
  return images;
}

async function readInput(
  store: ObjectStore,
  input: ClaimedInput,
  name: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await readObject(store, input.key, { maxBytes: input.bytes, signal }).catch((thrown: unknown) => {
    if (thrown instanceof AppError && thrown.code === 'request_too_large') throw damaged(name);
    throw thrown;
  });
  if (bytes === undefined) throw new AppError('input_missing', `${name} is no longer in the object storage.`);
  if (bytes.length !== input.bytes || sha256(bytes) !== input.sha256) throw damaged(name);
  return bytes;
}

function damaged(name: string): AppError {
  return new AppError('storage_unavailable', `${name} came out of the object storage changed.`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
