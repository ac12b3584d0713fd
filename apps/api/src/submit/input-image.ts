import { createHash } from 'node:crypto';
import { AppError, type ShapeRules } from '@qwen-edit/contract';
import { addInput, findInput, newId, refuseOverQuota, withinQuota } from '@qwen-edit/db';
import { STORED_KINDS } from '@qwen-edit/storage';
import type { ApiLimits, ApiOptions, ImageFacts } from '../deps.ts';
import { describeError } from '../describe-error.ts';
import type { Services } from '../services.ts';
import { untilKnown } from '../until-known.ts';

export interface LoadedImage {
  readonly bytes: Uint8Array;
  /** Hex digest of the bytes. */
  readonly sha256: string;
  /** How errors name the picture. */
  readonly label: string;
}

export interface InputImage extends LoadedImage {
  readonly facts: ImageFacts;
  /** The contract version whose workers can read it. */
  readonly needsVersion: number;
  /** The object that holds it, if the owner has stored it already. */
  readonly known: { readonly id: string; readonly key: string } | undefined;
  /** The upload that it was read from. */
  readonly uploadId?: string | undefined;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export type StoreDeps = Pick<Services, 'database' | 'store' | 'log'> & {
  readonly options: Pick<ApiOptions, 'maxUnusedBytes'>;
  readonly limits: Pick<ApiLimits, 'lookupMs'>;
};
export interface ValidateDeps
  extends Pick<Services, 'database' | 'decoding' | 'inspectImage' | 'validateImage' | 'checkImageShape'> {
  readonly limits: Pick<ApiLimits, 'pixels' | 'decodeSeconds'>;
}

/**
 * Checks that bytes are a picture that a worker will take. A picture that the owner has stored was decoded before, so
 * that only its size and shape are checked again. Throws AppError `image_invalid`, `image_too_large`,
 * `image_too_complex` or `image_ratio`; `canceled` if the caller hangs up before it is decoded.
 */
export async function validateInputImage(
  { database, limits, decoding, inspectImage, validateImage, checkImageShape }: ValidateDeps,
  { bytes, label, sha256 }: LoadedImage,
  { owner, rules, signal }: { readonly owner: string; readonly rules: ShapeRules; readonly signal: AbortSignal },
): Promise<InputImage> {
  const known = await findInput(database.db, owner, sha256);
  const decodeLimits = { maxPixels: limits.pixels, maxSeconds: limits.decodeSeconds };
  const { decodeBytes, needsVersion } = inspectImage(bytes, label, decodeLimits);
  if (known === undefined) {
    const facts = await decoding.run({ owner, bytes: decodeBytes }, async () => {
      if (signal.aborted) throw new AppError('canceled', 'The caller has hung up.');
      return validateImage(bytes, label, rules, decodeLimits);
    });
    return { bytes, label, sha256, known, needsVersion, facts };
  }
  // Rows of inputs always have a size.
  const facts = { width: known.width ?? 1, height: known.height ?? 1, mediaType: known.mediaType };
  if (facts.width * facts.height > limits.pixels) {
    const size = `${facts.width} × ${facts.height}`;
    throw new AppError('image_too_large', `${label} has ${size} pixels; the limit is ${limits.pixels}.`);
  }
  checkImageShape(facts, label, rules);
  return { bytes, label, sha256, known, needsVersion, facts };
}

/**
 * Stores a picture, unless the owner has stored it already and `trusted` says that this was just looked up. Returns the
 * id of its asset. Throws errors of the store, and `quota_exceeded`.
 */
export async function storeInputImage(
  { database, store, log, options, limits }: StoreDeps,
  owner: string,
  { bytes, sha256, facts, known, uploadId }: InputImage,
  trusted: boolean,
): Promise<string> {
  if (known !== undefined && trusted) {
    // If the object was lost it is stored again; otherwise no job of this owner could use the picture.
    if ((await store.head(known.key)) === undefined) await store.put(known.key, bytes, { mediaType: facts.mediaType });
    return known.id;
  }
  const id = newId('asset');
  const key = STORED_KINDS.input.keyOf({ assetId: id });
  const charge = { owner, assetId: id, bytes: bytes.length, quotaBytes: options.maxUnusedBytes, insteadOf: uploadId };
  await refuseOverQuota(database.db, charge);
  await store.put(key, bytes, { mediaType: facts.mediaType });
  const input = { id, owner, key, sha256, bytes: bytes.length, ...facts };
  const add = () => withinQuota(database, charge, (tx) => addInput(tx, input));
  const row = await untilKnown(limits, add).catch(async (thrown: unknown) => {
    // After another error the row may exist. So the object stays, and the sweeper removes it if it has no row.
    if (thrown instanceof AppError && thrown.code === 'quota_exceeded') await removeObject({ store, log }, key);
    throw thrown;
  });
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
