import { AppError, toAppError } from '@qwen-edit/contract';
import type { ObjectStore } from './object-store.ts';

/** Some objects could not be deleted; the others are. */
export class ObjectsKept extends AppError {
  /** Keys that may still have an object, each with what the store said. */
  readonly kept: ReadonlyMap<string, string>;

  /** `where` names the store, `prefix` stands before the keys there, and `cause` is the error of the first object. */
  constructor(
    kept: ReadonlyMap<string, string>,
    { where, prefix = '', cause }: { readonly where: string; readonly prefix?: string; readonly cause?: AppError },
  ) {
    const [[key, reason] = ['', '']] = kept;
    const what = `${kept.size} objects of ${where} could not be deleted, the first is ${prefix}${key} (${reason}).`;
    const hint = cause?.hint ?? 'Check that s3:DeleteObject is allowed.';
    super(cause?.code ?? 'storage_unavailable', what, { hint, cause });
    this.kept = kept;
  }
}

export interface KeptObject {
  readonly key: string;
  readonly reason: string;
}

export interface Deletion {
  readonly deleted: readonly string[];
  readonly kept: readonly KeptObject[];
}

/**
 * Deletes what can be deleted, and tells which objects may still be there. Never rejects.
 *
 * @example
 * const { kept } = await tryDelete(store, keys);
 */
export async function tryDelete(
  store: Pick<ObjectStore, 'delete'>,
  keys: readonly string[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<Deletion> {
  if (keys.length === 0) return { deleted: [], kept: [] };
  try {
    await store.delete(keys, options);
    return { deleted: keys, kept: [] };
  } catch (thrown) {
    const reasonOf =
      thrown instanceof ObjectsKept ? (key: string) => thrown.kept.get(key) : () => toAppError(thrown).message;
    const told = keys.map((key) => ({ key, reason: reasonOf(key) }));
    return {
      deleted: told.flatMap(({ key, reason }) => (reason === undefined ? [key] : [])),
      kept: told.flatMap(({ key, reason }) => (reason === undefined ? [] : [{ key, reason }])),
    };
  }
}
