import { createHash } from 'node:crypto';
import { addInput, findInput, newId } from '@qwen-edit/db';
import { STORED_KINDS } from '@qwen-edit/storage';
import type { ImageShapeRules, ValidatedImage } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import type { Services } from '../services.ts';

export interface LoadedImage {
  readonly bytes: Uint8Array;
  /** Hex digest of the bytes. */
  readonly sha256: string;
  /** How errors name the picture. */
  readonly label: string;
}

export interface InputImage extends LoadedImage {
  readonly facts: ValidatedImage;
  /** Where the owner has stored it already. */
  readonly known: { readonly id: string; readonly key: string } | undefined;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Proves that bytes are a picture that a worker will take; what the owner has stored was validated before, and only its shape is
 * judged anew. Throws AppError `image_invalid`, `image_too_large` or `image_ratio`.
 */
export async function validateInputImage(
  services: Services,
  owner: string,
  { bytes, label, sha256 }: LoadedImage,
  rules: ImageShapeRules,
): Promise<InputImage> {
  const { database, validating, validateImage, checkImageShape } = services;
  const known = await findInput(database.db, owner, sha256);
  if (known === undefined) {
    return { bytes, label, sha256, known, facts: await validating(() => validateImage(bytes, label, rules)) };
  }
  // Rows of inputs always have a size.
  const facts = { width: known.width ?? 1, height: known.height ?? 1, mediaType: known.mediaType };
  checkImageShape(facts, label, rules);
  return { bytes, label, sha256, known, facts };
}

/**
 * Stores a picture, unless it is known to be stored and `trusted` says that this was just looked up. Returns the id of its
 * asset. Throws errors of the store.
 */
export async function storeInputImage(
  services: Services,
  owner: string,
  { bytes, sha256, facts, known }: InputImage,
  trusted: boolean,
): Promise<string> {
  const { database, store } = services;
  if (known !== undefined && trusted) {
    // An object that was lost comes back with its picture; otherwise no job of this owner could use it again.
    if ((await store.head(known.key)) === undefined) await store.put(known.key, bytes, { mediaType: facts.mediaType });
    return known.id;
  }
  const id = newId('asset');
  const key = STORED_KINDS.input.keyOf({ assetId: id });
  await store.put(key, bytes, { mediaType: facts.mediaType });
  // Where this fails, the row may be there all the same: the object stays, and is swept if it has none.
  const row = await addInput(database.db, { id, owner, key, sha256, bytes: bytes.length, ...facts });
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
