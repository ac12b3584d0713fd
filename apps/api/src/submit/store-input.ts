import { createHash } from 'node:crypto';
import { addInput, findInput, newId } from '@qwen-edit/db';
import type { ProvedPicture, ShapeRules } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import type { Services } from '../services.ts';

export interface LoadedImage {
  readonly bytes: Uint8Array;
  /** How errors name the picture. */
  readonly label: string;
}

export interface InputImage extends LoadedImage {
  readonly sha256: string;
  readonly facts: ProvedPicture;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Proves that bytes are a picture that a worker will take; what the owner has stored was proved before, and only its shape is
 * judged anew. Throws AppError `image_invalid`, `image_too_large` or `image_ratio`.
 */
export async function proveInput(
  services: Services,
  owner: string,
  { bytes, label }: LoadedImage,
  rules: ShapeRules,
): Promise<InputImage> {
  const { database, proving, proveImage, checkImageShape } = services;
  const sha256 = sha256Of(bytes);
  const known = await findInput(database.db, owner, sha256);
  if (known === undefined) {
    return { bytes, label, sha256, facts: await proving(() => proveImage(bytes, label, rules)) };
  }
  // Rows of inputs always have a size.
  const facts = { width: known.width ?? 1, height: known.height ?? 1, mediaType: known.mediaType };
  checkImageShape(facts, label, rules);
  return { bytes, label, sha256, facts };
}

/** Stores a picture, unless the owner has the same one stored. Returns the id of its asset. Throws errors of the store. */
export async function storeInput(
  services: Services,
  owner: string,
  { bytes, sha256, facts }: InputImage,
): Promise<string> {
  const { database, store } = services;
  const known = await findInput(database.db, owner, sha256);
  if (known !== undefined) return known.id;
  const id = newId('asset');
  const key = `inputs/${id}`;
  await store.put(key, bytes, { mediaType: facts.mediaType });
  const row = await addInput(database.db, { id, owner, key, sha256, bytes: bytes.length, ...facts }).catch(
    async (thrown: unknown) => {
      await removeObject(services, key);
      throw thrown;
    },
  );
  // Another request stored the same picture meanwhile. Where its row is gone again, ours is missed at the job's commit.
  if (row?.id !== id) await removeObject(services, key);
  return row?.id ?? id;
}

/** An object without a row is swept sometime; it need not wait for that. */
async function removeObject({ store, log }: Services, key: string): Promise<void> {
  await store.delete([key]).catch((thrown: unknown) => {
    log.warn({ key, errors: describeError(thrown) }, 'an object without a row stays for the sweeper');
  });
}
