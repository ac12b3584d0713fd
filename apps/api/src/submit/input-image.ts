import { createHash } from 'node:crypto';
import type { ShapeRules } from '@qwen-edit/contract';
import { addInput, findInput, newId } from '@qwen-edit/db';
import { STORED_KINDS } from '@qwen-edit/storage';
import type { ImageFacts } from '../deps.ts';
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
  readonly facts: ImageFacts;
  /** The object that holds it, if the owner has stored it already. */
  readonly known: { readonly id: string; readonly key: string } | undefined;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export type ValidateDeps = Pick<Services, 'database' | 'validating' | 'validateImage' | 'checkImageShape'>;
export type StoreDeps = Pick<Services, 'database' | 'store' | 'log'>;

/**
 * Checks that bytes are a picture that a worker will take. A picture that the owner has stored was decoded before, so
 * that only its shape is checked again. Throws AppError `image_invalid`, `image_too_large` or `image_ratio`.
 */
export async function validateInputImage(
  { database, validating, validateImage, checkImageShape }: ValidateDeps,
  owner: string,
  { bytes, label, sha256 }: LoadedImage,
  rules: ShapeRules,
): Promise<InputImage> {
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
 * Stores a picture, unless the owner has stored it already and `trusted` says that this was just looked up. Returns the
 * id of its asset. Throws errors of the store.
 */
export async function storeInputImage(
  { database, store, log }: StoreDeps,
  owner: string,
  { bytes, sha256, facts, known }: InputImage,
  trusted: boolean,
): Promise<string> {
  if (known !== undefined && trusted) {
    // If the object was lost it is stored again; otherwise no job of this owner could use the picture.
    if ((await store.head(known.key)) === undefined) await store.put(known.key, bytes, { mediaType: facts.mediaType });
    return known.id;
  }
  const id = newId('asset');
  const key = STORED_KINDS.input.keyOf({ assetId: id });
  await store.put(key, bytes, { mediaType: facts.mediaType });
  // If this fails the row may still exist. So the object stays, and the sweeper removes it if it has no row.
  const row = await addInput(database.db, { id, owner, key, sha256, bytes: bytes.length, ...facts });
  // Another request stored the same picture meanwhile. If its row is deleted again, the job's commit finds that it is
  // missing.
  if (row?.id !== id) await removeObject({ store, log }, key);
  return row?.id ?? id;
}

/** The sweeper would remove an object without a row too, but later. */
async function removeObject({ store, log }: Pick<Services, 'store' | 'log'>, key: string): Promise<void> {
  await store.delete([key]).catch((thrown: unknown) => {
    log.warn({ key, errors: describeError(thrown) }, 'an object without a row stays for the sweeper');
  });
}
